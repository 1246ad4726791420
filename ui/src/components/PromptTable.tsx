import { Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { type PromptInfo, promptsOf } from "../api/prompts";
import { morePages } from "../lib/morePages";
import { promptPath } from "../paths";
import { ErrorAlert } from "../ui/ErrorAlert";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { CHANGED, DESCRIPTION, OWNER, SecurableLink } from "./securableColumns";

const COLUMNS: Column<PromptInfo>[] = [
  {
    header: "Name",
    cell: (row) => (
      <SecurableLink
        kind="PROMPT"
        name={row.name}
        path={promptPath(row.full_name)}
        browseOnly={row.browse_only}
      />
    ),
  },
  DESCRIPTION,
  OWNER,
  CHANGED,
];

/** The prompts of a schema. A schema without prompts shows nothing. */
export function PromptTable({ schema }: { schema: string }) {
  const query = useInfiniteQuery(promptsOf(schema));
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  const rows = query.data?.pages.flatMap((page) => page.prompts) ?? [];
  if (rows.length === 0) return null;
  return (
    <section aria-label="Prompts of this schema">
      <Title order={2} size="h4" mt="lg" mb="xs">
        Prompts
      </Title>
      <VirtualTable
        label="Prompts"
        rows={rows}
        queryKey={promptsOf(schema).queryKey}
        rowKey={(row) => row.full_name}
        {...morePages(query)}
        columns={COLUMNS}
      />
    </section>
  );
}
