import {
  Anchor,
  Badge,
  Button,
  Checkbox,
  Group,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconHelpCircle, IconPlus, IconShieldLock } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { Link } from "react-router";

import { changeGrants } from "../api/acts";
import { useRefused } from "../api/can";
import { explanation, grants, me, vocabulary } from "../api/queries";
import { PrincipalSelect } from "../forms/change";
import { securablePath } from "../paths";
import { AskAccess } from "./AskAccess";
import { Steps } from "./Explained";
import { useAct } from "../ui/Act";
import { Action } from "../ui/Action";
import { Dialog } from "../ui/Dialog";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { kindLabel } from "../ui/kinds";
import { Loading } from "../ui/Loading";
import { plural, visible, words } from "../ui/text";
import { type Column, VirtualTable } from "../ui/VirtualTable";

interface On {
  /** As the permission routes name it. */
  type: "catalog" | "schema" | "function" | "prompt";
  kind: "CATALOG" | "SCHEMA" | "MODEL" | "PROMPT";
  name: string;
}

interface Row {
  principal: string;
  privilege: string;
  fromKind: string;
  fromName: string;
  /** It means nothing here: kept and shown, and no decision reads it. */
  inert: boolean;
}

export default function Permissions({ on, owner }: { on: On; owner: string }) {
  const { data, error, isPending, refetch } = useQuery(grants(on.type, on.name));
  const [dialog, setDialog] = useState<"grant" | "why" | null>(null);
  const [revoking, setRevoking] = useState<Row[]>([]);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [filter, setFilter] = useState("");
  const refused = useRefused(on.type, on.name, owner)("change_grants");
  const rows = useMemo(
    () =>
      (data ?? []).flatMap((held) =>
        held.privileges.map(
          (one): Row => ({
            principal: held.principal,
            privilege: one.privilege,
            fromKind: one.inherited_from_type ?? "",
            fromName: one.inherited_from_name ?? "",
            inert: one.inert ?? false,
          }),
        ),
      ),
    [data],
  );
  const key = (row: Row) => `${row.principal}\n${row.privilege}\n${row.fromName}`;
  const shown = rows.filter((row) =>
    `${row.principal} ${words(row.privilege)}`.toLowerCase().includes(filter.toLowerCase()),
  );
  const chosen = rows.filter((row) => picked.has(key(row)) && !row.fromKind);
  const columns: Column<Row>[] = [
    {
      header: <span className="visually-hidden">Choose</span>,
      label: "Choose",
      width: 44,
      cell: (row) =>
        row.fromKind ? null : (
          <Checkbox
            size="xs"
            checked={picked.has(key(row))}
            aria-label={`Choose ${words(row.privilege)} of ${row.principal}`}
            onChange={(event) => {
              const after = new Set(picked);
              if (event.currentTarget.checked) after.add(key(row));
              else after.delete(key(row));
              setPicked(after);
            }}
          />
        ),
    },
    {
      header: "Principal",
      cell: (row) => <span className="anywhere">{visible(row.principal)}</span>,
    },
    {
      header: "Privilege",
      cell: (row) => (
        <Group gap={6} wrap="nowrap">
          <Text size="sm" fw={550} className="nowrap">
            {words(row.privilege)}
          </Text>
          {row.inert ? (
            <Badge
              variant="light"
              color="gray"
              title="Databricks has this privilege. Here it allows nothing."
            >
              No effect
            </Badge>
          ) : null}
        </Group>
      ),
    },
    {
      header: "Inherited from",
      cell: (row) => {
        const path = row.fromKind ? securablePath(row.fromKind, row.fromName) : null;
        if (!row.fromKind)
          return (
            <Text size="sm" c="dimmed">
              Granted here
            </Text>
          );
        return path ? (
          <Anchor component={Link} size="sm" to={`${path}?tab=permissions`}>
            {kindLabel(row.fromKind)} {visible(row.fromName)}
          </Anchor>
        ) : (
          kindLabel(row.fromKind)
        );
      },
    },
  ];
  return (
    <Stack>
      <Group justify="space-between">
        <Owner on={on} owner={owner} asks={refused === undefined} />
        <Group className="actions">
          <Button
            variant="default"
            leftSection={<IconHelpCircle size={16} />}
            onClick={() => setDialog("why")}
          >
            Explain access
          </Button>
          <Button
            variant="default"
            color="red"
            disabled={chosen.length === 0}
            onClick={() => setRevoking(chosen)}
          >
            Revoke
          </Button>
          {refused ? <AskAccess on={on} /> : null}
          <Action
            refused={refused}
            leftSection={<IconPlus size={16} />}
            onClick={() => setDialog("grant")}
          >
            Grant
          </Action>
        </Group>
      </Group>
      {isPending ? <Loading /> : null}
      {error ? <Failure error={error} retry={() => void refetch()} /> : null}
      {data && rows.length === 0 ? (
        <Empty
          icon={<IconShieldLock size={34} />}
          title="Nobody has been granted anything here"
          command={`modelkeep grants add ${on.type} ${on.name} alice ${on.kind === "MODEL" ? "EXECUTE" : on.kind === "SCHEMA" ? "USE_SCHEMA" : "USE_CATALOG"}`}
          action={<Button onClick={() => setDialog("grant")}>Grant</Button>}
        >
          The owner and metastore admins have access. Grants on a catalog or schema hold for
          everything in it.
        </Empty>
      ) : null}
      {rows.length > 0 ? (
        <>
          {rows.length > 8 ? (
            <TextInput
              aria-label="Filter by principal or privilege"
              placeholder="Filter by principal or privilege"
              value={filter}
              onChange={(e) => setFilter(e.currentTarget.value)}
              maw={360}
            />
          ) : null}
          <VirtualTable label="Grants" columns={columns} rows={shown} rowKey={key} />
          <Text size="xs" c="dimmed">
            Whoever does not manage this sees only what they hold themselves.
          </Text>
        </>
      ) : null}
      {dialog === "grant" ? <Grant on={on} onClose={() => setDialog(null)} /> : null}
      {dialog === "why" ? <Why on={on} onClose={() => setDialog(null)} /> : null}
      {revoking.length > 0 ? (
        <Revoke
          on={on}
          rows={revoking}
          onClose={() => {
            setRevoking([]);
            setPicked(new Set());
          }}
        />
      ) : null}
    </Stack>
  );
}

const SEES = {
  CATALOG: "get_catalog",
  SCHEMA: "get_schema",
  MODEL: "get_model",
  PROMPT: "get_prompt",
} as const;

/** What the owner can do, and what the owner lacks. `asks`: the caller may ask about others. */
function Owner({ on, owner, asks }: { on: On; owner: string; asks: boolean }) {
  const { data: who } = useQuery(me);
  const may = asks || who?.account_admin === true || who?.name === owner;
  const { data } = useQuery({
    ...explanation(on.type, on.name, owner, SEES[on.kind]),
    enabled: may && owner !== "",
  });
  const lacks = (data?.steps ?? []).filter((step) => !step.met);
  return (
    <div>
      <Text size="sm">
        Owner: <b>{visible(owner)}</b>
        {data?.allowed
          ? on.kind === "MODEL" || on.kind === "PROMPT"
            ? ", who may do everything here."
            : ", who manages it and what is in it. Loading models in it takes grants of their own."
          : lacks.length > 0
            ? ", who lacks what leads here:"
            : "."}
      </Text>
      {lacks.length > 0 ? <Steps steps={lacks} /> : null}
      {data && !data.allowed && lacks.length === 0 ? <Text size="sm">{data.reason}</Text> : null}
    </div>
  );
}

function Grant({ on, onClose }: { on: On; onClose: () => void }) {
  const [principal, setPrincipal] = useState<string | null>(null);
  const [privileges, setPrivileges] = useState<string[]>([]);
  const { data } = useQuery(vocabulary);
  const grantable = data?.securables.find((one) => one.type === on.kind)?.privileges ?? [];
  const act = useAct(
    () => changeGrants(on.type, on.name, [{ principal: principal ?? "", add: privileges }]),
    `${plural(privileges.length, "privilege")} granted to ${visible(principal ?? "")}.`,
    onClose,
  );
  return (
    <Dialog
      title={`Grant on ${visible(on.name)}`}
      submit="Grant"
      size="lg"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!principal || privileges.length === 0}
    >
      <PrincipalSelect label="Principal" value={principal} onChange={setPrincipal} focus />
      <Checkbox.Group
        label="Privileges"
        description={
          on.kind === "MODEL" || on.kind === "PROMPT"
            ? `To use the ${on.kind.toLowerCase()}, a principal also needs USE CATALOG and USE SCHEMA above it.`
            : "They hold for everything in it, now and later."
        }
        value={privileges}
        onChange={setPrivileges}
      >
        <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }} mt="xs" spacing="xs">
          {grantable.map((privilege) => (
            <Checkbox key={privilege} value={privilege} label={words(privilege)} />
          ))}
        </SimpleGrid>
      </Checkbox.Group>
    </Dialog>
  );
}

function Revoke({ on, rows, onClose }: { on: On; rows: Row[]; onClose: () => void }) {
  const byPrincipal = new Map<string, string[]>();
  for (const row of rows)
    byPrincipal.set(row.principal, [...(byPrincipal.get(row.principal) ?? []), row.privilege]);
  const act = useAct(
    () =>
      changeGrants(
        on.type,
        on.name,
        [...byPrincipal].map(([principal, remove]) => ({ principal, remove })),
      ),
    "Revoked.",
    onClose,
  );
  return (
    <Dialog
      title={`Revoke on ${visible(on.name)}`}
      submit="Revoke"
      danger
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
    >
      {[...byPrincipal].map(([principal, privileges]) => (
        <Text size="sm" key={principal}>
          <b>{visible(principal)}</b> loses {privileges.map(words).join(", ")} here, at once.
        </Text>
      ))}
    </Dialog>
  );
}

const QUESTIONS: Record<On["kind"], [string, string][]> = {
  MODEL: [
    ["get_model", "See and load it"],
    ["create_version", "Register a version"],
    ["copy_version", "Copy its versions"],
    ["set_alias", "Set an alias"],
    ["change_tags", "Change tags"],
    ["update_comment", "Change the description"],
    ["rename_model", "Rename it"],
    ["change_grants", "Change permissions"],
    ["delete_model", "Delete it"],
  ],
  PROMPT: [
    ["get_prompt", "See and load it"],
    ["create_prompt_version", "Register a version"],
    ["set_prompt_alias", "Set an alias"],
    ["change_tags", "Change tags"],
    ["update_prompt", "Change the description"],
    ["change_grants", "Change permissions"],
    ["delete_prompt", "Delete it"],
  ],
  SCHEMA: [
    ["get_schema", "See it"],
    ["create_model", "Create a model in it"],
    ["create_prompt", "Create a prompt in it"],
    ["update_comment", "Change the description"],
    ["rename_schema", "Rename it"],
    ["change_grants", "Change permissions"],
    ["delete_container", "Delete it"],
  ],
  CATALOG: [
    ["get_catalog", "See it"],
    ["create_schema", "Create a schema in it"],
    ["rename_catalog", "Rename it"],
    ["change_grants", "Change permissions"],
    ["delete_container", "Delete it"],
  ],
};

function Why({ on, onClose }: { on: On; onClose: () => void }) {
  const [principal, setPrincipal] = useState<string | null>(null);
  const answers = QUESTIONS[on.kind];
  return (
    <Dialog
      title="Why can, or cannot, a principal do this?"
      submit="Done"
      cancel={null}
      size="xl"
      onClose={onClose}
      onSubmit={onClose}
      busy={false}
      error={null}
    >
      <PrincipalSelect label="Principal" value={principal} onChange={setPrincipal} focus />
      {principal ? (
        <Stack gap={6}>
          {answers.map(([operation, label]) => (
            <Reason
              key={operation}
              on={on}
              principal={principal}
              operation={operation}
              label={label}
            />
          ))}
        </Stack>
      ) : null}
    </Dialog>
  );
}

function Reason({
  on,
  principal,
  operation,
  label,
}: {
  on: On;
  principal: string;
  operation: string;
  label: string;
}) {
  const { data, error } = useQuery(explanation(on.type, on.name, principal, operation));
  return (
    <div className="reason">
      <Text size="sm" fw={550}>
        {label}
      </Text>
      <div className="anywhere">
        <Text size="sm">
          {error ? (
            error.message
          ) : data ? (
            <>
              <b>{data.allowed ? "Yes" : "No"}</b>
              {data.allowed ? "" : `: ${data.reason}`}
            </>
          ) : (
            "…"
          )}
        </Text>
        {data?.steps?.length ? (
          <details open={!data.allowed}>
            <summary>{data.allowed ? `By ${data.reason}` : "What it takes"}</summary>
            <Steps steps={data.steps} />
          </details>
        ) : null}
      </div>
    </div>
  );
}
