import { Badge, Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useMemo, useState } from "react";

import { createToken, revokeToken, revokeTokenOrigin } from "../api/acts";
import { useLooked } from "../api/long";
import { me, type TokenInfo, tokens } from "../api/queries";
import { ConfirmDelete, PrincipalSelect } from "../forms/change";
import { useAct } from "../ui/Act";
import { Code } from "../ui/Code";
import { Dialog } from "../ui/Dialog";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { Loading } from "../ui/Loading";
import { Page } from "../ui/Page";
import { visible } from "../ui/text";
import { Time } from "../ui/Time";
import { VirtualTable } from "../ui/VirtualTable";

const DAY = 86_400;
const LIFETIMES = [
  { value: String(DAY), label: "1 day" },
  { value: String(30 * DAY), label: "30 days" },
  { value: String(90 * DAY), label: "90 days" },
  { value: "", label: "Longest allowed" },
];

const ORIGINS: Record<string, string> = {
  TOKEN: "A token",
  SESSION: "A browser session",
  ENV: "modelkeep env",
  CLIENT_SECRET: "A client secret",
  FEDERATION_POLICY: "A federation policy",
  IDENTITY: "Single sign-on",
};

export default function Tokens() {
  const [whose, setWhose] = useState("");
  const who = useQuery(me);
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(tokens(whose));
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<TokenInfo | null>(null);
  const [ending, setEnding] = useState<TokenInfo | null>(null);
  const all = useMemo(() => data?.pages.flatMap((page) => page.tokens) ?? [], [data]);
  const live = useMemo(() => all.filter((token) => !token.revoked), [all]);
  useLooked(tokens(whose).queryKey, 0, Math.max(all.length - 1, 0));
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
      {who.data?.account_admin ? (
        <Group mb="md">
          <div style={{ width: 340, maxWidth: "100%" }}>
            <PrincipalSelect
              optional
              label="Tokens of"
              value={whose || who.data.name}
              onChange={(name) => setWhose(name ?? "")}
            />
          </div>
        </Group>
      ) : null}
      {isPending ? <Loading /> : null}
      {error ? <Failure error={error} retry={() => void refetch()} /> : null}
      {data && live.length === 0 && !hasNextPage ? (
        <Empty
          icon={<IconKey size={34} />}
          title="No tokens"
          command="modelkeep tokens create"
          action={<Button onClick={() => setCreating(true)}>Create token</Button>}
        />
      ) : null}
      {live.length > 0 || hasNextPage ? (
        <VirtualTable
          label="Access tokens"
          rows={live}
          more={hasNextPage ? () => void fetchNextPage() : undefined}
          loadingMore={isFetchingNextPage}
          rowKey={(row) => row.token_id}
          columns={[
            {
              header: "For",
              cell: (row) => (
                <Text size="sm" className="anywhere">
                  {visible(row.comment) || (
                    <Text span c="dimmed">
                      No comment
                    </Text>
                  )}
                </Text>
              ),
            },
            {
              header: "Owner",
              from: "sm",
              cell: (row) => <span className="anywhere">{visible(row.principal)}</span>,
            },
            { header: "Created", from: "xs", cell: (row) => <Time at={row.creation_time} /> },
            {
              header: "Expires",
              cell: (row) =>
                row.expiry_time < 0 ? (
                  "no expiry"
                ) : row.expiry_time < Date.now() ? (
                  <Badge color="gray" variant="light" tt="none">
                    expired
                  </Badge>
                ) : (
                  <Time at={row.expiry_time} />
                ),
            },
            { header: "Last used", from: "sm", cell: (row) => <Time at={row.last_used_time} /> },
            {
              header: "Came from",
              from: "sm",
              cell: (row) => <Origin token={row} onRevoke={() => setEnding(row)} />,
            },
            {
              header: <span className="visually-hidden">Actions</span>,
              label: "Actions",
              width: 100,
              cell: (row) => (
                <Button
                  size="compact-xs"
                  variant="default"
                  color="red"
                  onClick={() => setRevoking(row)}
                  aria-label={`Revoke token ${row.comment || row.token_id}`}
                >
                  Revoke
                </Button>
              ),
            },
          ]}
        />
      ) : null}
      {creating ? <Create principal={whose} onClose={() => setCreating(false)} /> : null}
      {revoking ? (
        <ConfirmDelete
          title="Revoke token"
          what={
            <>
              Whoever uses <b>{visible(revoking.comment || revoking.token_id)}</b> is signed out at
              once.
            </>
          }
          act={() => revokeToken(revoking.token_id)}
          submit="Revoke"
          done="Token revoked."
          then={() => undefined}
          onClose={() => setRevoking(null)}
        />
      ) : null}
      {ending ? (
        <ConfirmDelete
          title="Revoke all from this origin"
          what={
            <>
              All tokens that came from {(ORIGINS[ending.origin_kind] ?? "an origin").toLowerCase()}{" "}
              ({ending.origin_id}), and all that came from those, end at once.
            </>
          }
          act={() => revokeTokenOrigin(ending.origin_id)}
          submit="Revoke all"
          done="Tokens revoked."
          then={() => undefined}
          onClose={() => setEnding(null)}
        />
      ) : null}
    </Page>
  );
}

/** What a token was created with, and the action that ends all that came from there. */
function Origin({ token, onRevoke }: { token: TokenInfo; onRevoke: () => void }) {
  const label = ORIGINS[token.origin_kind] ?? "Unknown";
  if (!token.origin_id) return <Text size="sm">{label}</Text>;
  return (
    <Stack gap={2} align="flex-start">
      <Text size="sm" title={token.origin_id}>
        {label}
        {token.ends_with_origin ? ", ends with it" : ""}
      </Text>
      <Button
        size="compact-xs"
        variant="subtle"
        color="red"
        onClick={onRevoke}
        aria-label={`Revoke all from the origin of ${token.comment || token.token_id}`}
      >
        Revoke all from it
      </Button>
    </Stack>
  );
}

function Create({ principal, onClose }: { principal: string; onClose: () => void }) {
  const [comment, setComment] = useState("");
  const [lifetime, setLifetime] = useState(String(90 * DAY));
  const act = useAct(() => createToken(comment, lifetime ? Number(lifetime) : null, principal));
  if (act.data)
    return (
      <Dialog
        title="Your new token"
        submit="Done"
        onClose={onClose}
        onSubmit={onClose}
        busy={false}
        error={null}
        size="lg"
        cancel={null}
        once
      >
        <Stack>
          <Text size="sm">Copy it now: it is shown this once.</Text>
          <Code text={act.data.token_value} label="The token" />
          <Code
            text={`export DATABRICKS_HOST=${location.origin}\nexport DATABRICKS_TOKEN=${act.data.token_value}\nexport MLFLOW_TRACKING_URI=databricks\nexport MLFLOW_REGISTRY_URI=databricks-uc`}
            label="For a shell"
          />
        </Stack>
      </Dialog>
    );
  return (
    <Dialog
      title={principal ? `Create token for ${visible(principal)}` : "Create token"}
      submit="Create"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
    >
      <TextInput
        label="What is it for?"
        value={comment}
        onChange={(e) => setComment(e.currentTarget.value)}
        data-autofocus
        autoComplete="off"
      />
      <Select
        label="Expires after"
        data={LIFETIMES}
        value={lifetime}
        onChange={(value) => setLifetime(value ?? "")}
        allowDeselect={false}
      />
    </Dialog>
  );
}
