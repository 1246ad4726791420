import { Button, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { IconPlus, IconUpload } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { useDenialReason } from "../api/permissions";
import { CatalogTable } from "../components/CatalogTable";
import { RecentModels } from "../components/RecentModels";
import { CreateCatalog } from "../dialogs/CreateSecurable";
import { RegisterModel } from "../dialogs/RegisterModel";
import { type PageRef, useFavourites, useRecents } from "../lib/favourites";
import { home, securablePath } from "../paths";
import { ActionButton } from "../ui/ActionButton";
import { DottedName } from "../ui/DottedName";
import { KindIcon } from "../ui/kinds";
import { Page } from "../ui/Page";

export default function Home() {
  const denialReason = useDenialReason("metastore", "metastore")("create_catalog");
  const recents = useRecents();
  const favourites = useFavourites();
  const [dialog, setDialog] = useState<"catalog" | "register" | null>(null);
  const close = () => setDialog(null);
  return (
    <Page
      title="Catalog Explorer"
      actions={
        <>
          <Button
            variant="default"
            leftSection={<IconUpload size={16} />}
            onClick={() => setDialog("register")}
          >
            Register model
          </Button>
          <ActionButton
            denialReason={denialReason}
            leftSection={<IconPlus size={16} />}
            onClick={() => setDialog("catalog")}
          >
            Create catalog
          </ActionButton>
        </>
      }
    >
      <div className="columns">
        <Stack gap="xl">
          <Section title="Catalogs">
            <CatalogTable denialReason={denialReason} create={() => setDialog("catalog")} />
          </Section>
          <Section title="Changed last">
            <RecentModels register={() => setDialog("register")} />
          </Section>
        </Stack>
        <SimpleGrid cols={{ base: 1, sm: 2, md: 2, lg: 1 }} spacing="xl">
          <Section title="Favourites">
            <PageLinks pages={favourites} emptyText="The star on a page adds it here." />
          </Section>
          <Section title="Recents">
            <PageLinks pages={recents} emptyText="Pages that you open appear here." />
          </Section>
        </SimpleGrid>
      </div>
      {dialog === "catalog" ? <CreateCatalog onClose={close} /> : null}
      {dialog === "register" ? <RegisterModel onClose={close} /> : null}
    </Page>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <Title order={2} size="h4" mb="xs">
        {title}
      </Title>
      {children}
    </div>
  );
}

function PageLinks({ pages, emptyText }: { pages: PageRef[]; emptyText: string }) {
  if (pages.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {emptyText}
      </Text>
    );
  return (
    <Stack gap={2}>
      {pages.map((page) => (
        <Link
          key={`${page.kind} ${page.name}`}
          className="nav-link"
          to={securablePath(page.kind, page.name) ?? home}
        >
          <KindIcon kind={page.kind} />
          <DottedName name={page.name} />
        </Link>
      ))}
    </Stack>
  );
}
