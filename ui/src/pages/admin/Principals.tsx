import { Button, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconPlus, IconUser } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import type { PrincipalKind } from "../../api/principals";
import { principals } from "../../api/principals";
import { PrincipalTable, type RowAction } from "../../components/PrincipalTable";
import { CreatePrincipal } from "../../dialogs/CreatePrincipal";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorAlert } from "../../ui/ErrorAlert";
import { LoadingSkeleton } from "../../ui/Skeletons";
import { AdminPage } from "./AdminPage";

interface Props {
  kind: PrincipalKind;
  /** `user`, `group` or `service principal`. */
  noun: string;
  hint: string;
  about: ReactNode;
  command: string;
  rowAction?: RowAction;
}

/** The page of users, of groups or of service principals. */
export function Principals({ kind, noun, hint, about, command, rowAction }: Props) {
  const [creating, setCreating] = useState(false);
  const [filter, setFilter] = useState("");
  const [searchText] = useDebouncedValue(filter.trim(), 180);
  const { data, error, isPending, refetch } = useQuery(principals(kind, searchText));
  const rows = data?.principals ?? [];
  return (
    <AdminPage
      section={kind}
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setCreating(true)}>
          Add {noun}
        </Button>
      }
    >
      <Text size="sm" mb="md">
        {about}
      </Text>
      {isPending ? <LoadingSkeleton /> : null}
      {error ? <ErrorAlert error={error} retry={() => void refetch()} /> : null}
      {data && rows.length === 0 && !searchText ? (
        <EmptyState
          icon={<IconUser size={34} />}
          title={`No ${noun}s yet`}
          command={command}
          action={<Button onClick={() => setCreating(true)}>Add {noun}</Button>}
        />
      ) : null}
      {rows.length > 6 || filter ? (
        <TextInput
          aria-label="Filter by name"
          placeholder="Filter by name"
          mb="sm"
          maw={340}
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
        />
      ) : null}
      {rows.length > 0 ? (
        <PrincipalTable kind={kind} noun={noun} rows={rows} rowAction={rowAction} />
      ) : null}
      {data?.truncated ? (
        <Text size="sm" c="dimmed">
          These are the first {rows.length.toLocaleString("en")}; more exist. Filter by name to find
          the others.
        </Text>
      ) : null}
      {creating ? (
        <CreatePrincipal kind={kind} noun={noun} hint={hint} onClose={() => setCreating(false)} />
      ) : null}
    </AdminPage>
  );
}
