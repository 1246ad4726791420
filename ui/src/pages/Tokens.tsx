import { Button, Group, Text } from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { useVisibleRows } from "../api/infiniteLists";
import { me } from "../api/me";
import { tokens } from "../api/tokens";
import { PrincipalSelect } from "../components/PrincipalSelect";
import { TokenTable } from "../components/TokenTable";
import { CreateToken } from "../dialogs/CreateToken";
import { morePages } from "../lib/morePages";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { Page } from "../ui/Page";
import { LoadingSkeleton } from "../ui/Skeletons";

export default function Tokens() {
  const [owner, setOwner] = useState("");
  const { data: user } = useQuery(me);
  const query = useInfiniteQuery(tokens(owner));
  const [creating, setCreating] = useState(false);
  const allTokens = useMemo(
    () => query.data?.pages.flatMap((page) => page.tokens) ?? [],
    [query.data],
  );
  const activeTokens = useMemo(() => allTokens.filter((token) => !token.revoked), [allTokens]);
  useVisibleRows(tokens(owner).queryKey, 0, Math.max(allTokens.length - 1, 0));
  return (
    <Page
      title="Access tokens"
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setCreating(true)}>
          Create token
        </Button>
      }
    >
      <Text size="sm" mb="md">
        Clients sign in with a token: DATABRICKS_TOKEN for MLflow and databricks-sdk. A token may do
        what its owner may do.
      </Text>
      {user?.account_admin ? (
        <Group mb="md">
          <div style={{ width: 340, maxWidth: "100%" }}>
            <PrincipalSelect
              optional
              label="Tokens of"
              value={owner || user.name}
              onChange={(name) => setOwner(name ?? "")}
            />
          </div>
        </Group>
      ) : null}
      {query.isPending ? <LoadingSkeleton /> : null}
      {query.error ? <ErrorAlert error={query.error} retry={() => void query.refetch()} /> : null}
      {query.data && activeTokens.length === 0 && !query.hasNextPage ? (
        <EmptyState
          icon={<IconKey size={34} />}
          title="No tokens"
          command="modelkeep tokens create"
          action={<Button onClick={() => setCreating(true)}>Create token</Button>}
        />
      ) : null}
      {activeTokens.length > 0 || query.hasNextPage ? (
        <TokenTable rows={activeTokens} {...morePages(query)} />
      ) : null}
      {creating ? <CreateToken principal={owner} onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}
