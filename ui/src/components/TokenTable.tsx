import { Badge, Button, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { revokeToken, revokeTokenOrigin } from "../api/mutations";
import type { TokenInfo } from "../api/tokens";
import { ConfirmDelete } from "../dialogs/ConfirmDelete";
import { visible } from "../lib/text";
import { hiddenHeader } from "../ui/hiddenHeader";
import { TimeAgo } from "../ui/TimeAgo";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const ORIGINS: Record<string, string> = {
  TOKEN: "A token",
  SESSION: "A browser session",
  ENV: "modelkeep env",
  CLIENT_SECRET: "A client secret",
  FEDERATION_POLICY: "A federation policy",
  IDENTITY: "Single sign-on",
};

const COLUMNS: Column<TokenInfo>[] = [
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
    visibleFrom: "sm",
    cell: (row) => <span className="anywhere">{visible(row.principal)}</span>,
  },
  { header: "Created", visibleFrom: "xs", cell: (row) => <TimeAgo at={row.creation_time} /> },
  { header: "Expires", cell: (row) => <ExpiryCell token={row} /> },
  { header: "Last used", visibleFrom: "sm", cell: (row) => <TimeAgo at={row.last_used_time} /> },
];

interface Props {
  rows: TokenInfo[];
  loadMore: (() => void) | undefined;
  loadingMore: boolean;
}

/** Tokens with their origins, and the ways to revoke them. */
export function TokenTable({ rows, loadMore, loadingMore }: Props) {
  const [revoking, setRevoking] = useState<TokenInfo | null>(null);
  const [revokingOrigin, setRevokingOrigin] = useState<TokenInfo | null>(null);
  const columns: Column<TokenInfo>[] = [
    ...COLUMNS,
    {
      header: "Came from",
      visibleFrom: "sm",
      cell: (row) => <OriginCell token={row} revoke={() => setRevokingOrigin(row)} />,
    },
    {
      ...hiddenHeader("Actions", 100),
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
  ];
  return (
    <>
      <VirtualTable
        label="Access tokens"
        rows={rows}
        loadMore={loadMore}
        loadingMore={loadingMore}
        rowKey={(row) => row.token_id}
        columns={columns}
      />
      {revoking ? (
        <ConfirmDelete
          title="Revoke token"
          message={
            <>
              This immediately signs out every client that uses{" "}
              <b>{visible(revoking.comment || revoking.token_id)}</b>.
            </>
          }
          mutationFn={() => revokeToken(revoking.token_id)}
          submit="Revoke"
          toast="Token revoked."
          onClose={() => setRevoking(null)}
        />
      ) : null}
      {revokingOrigin ? (
        <ConfirmDelete
          title="Revoke all from this origin"
          message={
            <>
              This immediately revokes all tokens from{" "}
              {(ORIGINS[revokingOrigin.origin_kind] ?? "an origin").toLowerCase()} (
              {revokingOrigin.origin_id}), and all tokens that were created with those.
            </>
          }
          mutationFn={() => revokeTokenOrigin(revokingOrigin.origin_id)}
          submit="Revoke all"
          toast="Tokens revoked."
          onClose={() => setRevokingOrigin(null)}
        />
      ) : null}
    </>
  );
}

function ExpiryCell({ token }: { token: TokenInfo }) {
  const [now] = useState(() => Date.now());
  if (token.expiry_time < 0) return "no expiry";
  if (token.expiry_time >= now) return <TimeAgo at={token.expiry_time} />;
  return (
    <Badge color="gray" variant="light" tt="none">
      expired
    </Badge>
  );
}

/** The credential that created the token, and the button that revokes all its tokens. */
function OriginCell({ token, revoke }: { token: TokenInfo; revoke: () => void }) {
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
        onClick={revoke}
        aria-label={`Revoke all from the origin of ${token.comment || token.token_id}`}
      >
        Revoke all from it
      </Button>
    </Stack>
  );
}
