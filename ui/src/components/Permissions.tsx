import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { IconHelpCircle, IconPlus, IconShieldLock } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { grants } from "../api/access";
import { useDenialReason } from "../api/permissions";
import { ExplainAccess } from "../dialogs/ExplainAccess";
import { GrantPrivileges } from "../dialogs/GrantPrivileges";
import { RevokePrivileges } from "../dialogs/RevokePrivileges";
import { type GrantRow, grantKey, grantRows, matchesGrant } from "../lib/grants";
import { FIRST_PRIVILEGE, type Securable } from "../lib/securables";
import { ActionButton } from "../ui/ActionButton";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { GrantTable } from "./GrantTable";
import { OwnerLine } from "./OwnerLine";
import { RequestAccessButton } from "./RequestAccessButton";

interface Props {
  securable: Securable;
  owner: string;
}

/** The grants on a securable: who has which privilege, and where it comes from. */
export default function Permissions({ securable, owner }: Props) {
  const { data, error, isPending, refetch } = useQuery(grants(securable.type, securable.name));
  const [dialog, setDialog] = useState<"grant" | "explain" | null>(null);
  const [revoking, setRevoking] = useState<GrantRow[]>([]);
  const [checkedKeys, setCheckedKeys] = useState<ReadonlySet<string>>(new Set());
  const [filter, setFilter] = useState("");
  const denialReason = useDenialReason(securable.type, securable.name, owner)("change_grants");
  const rows = grantRows(data ?? []);
  const revocable = rows.filter((row) => checkedKeys.has(grantKey(row)) && !row.fromKind);
  const close = () => setDialog(null);
  return (
    <Stack>
      <Group justify="space-between">
        <OwnerLine securable={securable} owner={owner} mayExplain={denialReason === undefined} />
        <Group className="actions">
          <Button
            variant="default"
            leftSection={<IconHelpCircle size={16} />}
            onClick={() => setDialog("explain")}
          >
            Explain access
          </Button>
          <Button
            variant="default"
            color="red"
            disabled={revocable.length === 0}
            onClick={() => setRevoking(revocable)}
          >
            Revoke
          </Button>
          {denialReason ? <RequestAccessButton securable={securable} /> : null}
          <ActionButton
            denialReason={denialReason}
            leftSection={<IconPlus size={16} />}
            onClick={() => setDialog("grant")}
          >
            Grant
          </ActionButton>
        </Group>
      </Group>
      {isPending ? <LoadingSkeleton /> : null}
      {error ? <ErrorAlert error={error} retry={() => void refetch()} /> : null}
      {data && rows.length === 0 ? (
        <EmptyState
          icon={<IconShieldLock size={34} />}
          title="No grants yet"
          command={`modelkeep grants add ${securable.type} ${securable.name} alice ${FIRST_PRIVILEGE[securable.kind]}`}
          action={<Button onClick={() => setDialog("grant")}>Grant</Button>}
        >
          The owner and metastore admins have access. Grants on a catalog or schema apply to
          everything in it.
        </EmptyState>
      ) : null}
      {rows.length > 8 ? (
        <TextInput
          aria-label="Filter by principal or privilege"
          placeholder="Filter by principal or privilege"
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
          maw={360}
        />
      ) : null}
      {rows.length > 0 ? (
        <>
          <GrantTable
            rows={rows.filter((row) => matchesGrant(row, filter))}
            checkedKeys={checkedKeys}
            setCheckedKeys={setCheckedKeys}
          />
          <Text size="xs" c="dimmed">
            Principals who cannot manage grants see only their own.
          </Text>
        </>
      ) : null}
      {dialog === "grant" ? <GrantPrivileges securable={securable} onClose={close} /> : null}
      {dialog === "explain" ? <ExplainAccess securable={securable} onClose={close} /> : null}
      {revoking.length > 0 ? (
        <RevokePrivileges
          securable={securable}
          rows={revoking}
          onClose={() => {
            setRevoking([]);
            setCheckedKeys(new Set());
          }}
        />
      ) : null}
    </Stack>
  );
}
