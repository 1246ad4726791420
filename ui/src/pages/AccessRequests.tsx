import { Anchor, Badge, Button, Group, Text } from "@mantine/core";
import { IconInbox } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import type { AccessRequest } from "../api/access";
import { accessRequests } from "../api/access";
import { withdrawAccessRequest } from "../api/mutations";
import { DecideAccessRequest } from "../dialogs/DecideAccessRequest";
import { privilegeLabel, visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { securablePath } from "../paths";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { hiddenHeader } from "../ui/hiddenHeader";
import { KindIcon } from "../ui/kinds";
import { Page } from "../ui/Page";
import { LoadingSkeleton } from "../ui/Skeletons";
import { TimeAgo } from "../ui/TimeAgo";
import { UrlTabs } from "../ui/UrlTabs";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const COLOURS: Record<string, string> = {
  PENDING: "yellow",
  APPROVED: "teal",
  REJECTED: "red",
  WITHDRAWN: "gray",
};

const SECURABLE: Column<AccessRequest> = {
  header: "On",
  cell: (row) => {
    const kind = row.securable_type === "FUNCTION" ? "MODEL" : row.securable_type;
    const path = securablePath(kind, row.full_name);
    const label = visible(row.full_name) || "the metastore";
    return (
      <Group gap="xs" wrap="nowrap">
        <KindIcon kind={kind} />
        {path ? (
          <Anchor component={Link} size="sm" className="anywhere" to={path}>
            {label}
          </Anchor>
        ) : (
          <span className="anywhere">{label}</span>
        )}
      </Group>
    );
  },
};
const PRINCIPAL: Column<AccessRequest> = {
  header: "For",
  cell: (row) => (
    <>
      <span className="anywhere">{visible(row.principal)}</span>
      {row.requester !== row.principal ? (
        <Text size="xs" c="dimmed" className="anywhere">
          requested by {visible(row.requester)}
        </Text>
      ) : null}
    </>
  ),
};
const PRIVILEGES: Column<AccessRequest> = {
  header: "Privileges",
  cell: (row) => (
    <Text size="sm" fw={550}>
      {row.privileges.map(privilegeLabel).join(", ")}
    </Text>
  ),
};
const COMMENT: Column<AccessRequest> = {
  header: "What for",
  visibleFrom: "md",
  cell: (row) => <span className="clip">{visible(row.comment)}</span>,
};
const CREATED: Column<AccessRequest> = {
  header: "Requested",
  width: 130,
  visibleFrom: "sm",
  cell: (row) => <TimeAgo at={row.created_at} />,
};
const STATE: Column<AccessRequest> = {
  header: "State",
  cell: (row) => (
    <>
      <Badge variant="dot" tt="none" radius="sm" color={COLOURS[row.state] ?? "gray"}>
        {row.state.toLowerCase()}
      </Badge>
      {row.decided_by ? (
        <Text size="xs" c="dimmed" className="anywhere">
          by {visible(row.decided_by)}, <TimeAgo at={row.decided_at} />
        </Text>
      ) : null}
      {row.reason ? (
        <Text size="xs" className="anywhere">
          {visible(row.reason)}
        </Text>
      ) : null}
    </>
  ),
};

interface Props {
  state: "PENDING" | "ALL";
  /** Which of the requests to show. */
  filter: (row: AccessRequest) => boolean;
  label: string;
  columns: Column<AccessRequest>[];
  emptyTitle: string;
  emptyText: string;
}

function RequestTable({ state, filter, label, columns, emptyTitle, emptyText }: Props) {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(accessRequests(state));
  if (isPending) return <LoadingSkeleton />;
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />;
  const rows = data.pages.flatMap((page) => page.access_requests).filter(filter);
  return (
    <>
      {rows.length > 0 ? (
        <VirtualTable
          label={label}
          columns={columns}
          rows={rows}
          rowKey={(row) => row.request_id}
          rowHeight={56}
        />
      ) : (
        <EmptyState
          icon={<IconInbox size={34} />}
          title={emptyTitle}
          command="modelkeep access inbox"
        >
          {emptyText}
        </EmptyState>
      )}
      {hasNextPage ? (
        <Button
          mt="sm"
          variant="default"
          loading={isFetchingNextPage}
          onClick={() => void fetchNextPage()}
        >
          Load older requests
        </Button>
      ) : null}
    </>
  );
}

export default function AccessRequests() {
  const [deciding, setDeciding] = useState<{ request: AccessRequest; approve: boolean } | null>(
    null,
  );
  const withdraw = useMutationWithToast((id: string) => withdrawAccessRequest(id), "Withdrawn.");
  const decideColumn: Column<AccessRequest> = {
    header: <span className="visually-hidden">Decide</span>,
    label: "Decide",
    width: 190,
    cell: (row) => (
      <Group gap={6} wrap="nowrap">
        <Button
          size="compact-sm"
          aria-label={`Approve the request of ${row.principal} on ${row.full_name}`}
          onClick={() => setDeciding({ request: row, approve: true })}
        >
          Approve
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          color="red"
          aria-label={`Reject the request of ${row.principal} on ${row.full_name}`}
          onClick={() => setDeciding({ request: row, approve: false })}
        >
          Reject
        </Button>
      </Group>
    ),
  };
  const withdrawColumn: Column<AccessRequest> = {
    ...hiddenHeader("Actions", 110),
    cell: (row) =>
      row.state === "PENDING" ? (
        <Button
          size="compact-sm"
          variant="default"
          aria-label={`Withdraw the request on ${row.full_name}`}
          onClick={() => withdraw.mutate(row.request_id)}
        >
          Withdraw
        </Button>
      ) : null,
  };
  return (
    <Page title="Access requests">
      {withdraw.error ? <ErrorAlert error={withdraw.error} /> : null}
      <UrlTabs
        tabs={[
          {
            value: "inbox",
            label: "To decide",
            render: () => (
              <RequestTable
                state="PENDING"
                filter={(row) => row.to_decide}
                label="Requests to decide"
                columns={[SECURABLE, PRINCIPAL, PRIVILEGES, COMMENT, CREATED, decideColumn]}
                emptyTitle="Nothing to decide"
                emptyText="Requests for access to your securables appear here. Approval grants the requested privileges."
              />
            ),
          },
          {
            value: "mine",
            label: "My requests",
            render: () => (
              <RequestTable
                state="ALL"
                filter={(row) => row.mine}
                label="My requests"
                columns={[SECURABLE, PRINCIPAL, PRIVILEGES, STATE, CREATED, withdrawColumn]}
                emptyTitle="You have made no requests"
                emptyText="Request access on a closed page sends a request to its managers."
              />
            ),
          },
          {
            value: "decided",
            label: "Decided",
            render: () => (
              <RequestTable
                state="ALL"
                filter={(row) => row.state !== "PENDING"}
                label="Decided requests"
                columns={[SECURABLE, PRINCIPAL, PRIVILEGES, STATE, CREATED]}
                emptyTitle="No decisions yet"
                emptyText="Decided and withdrawn requests appear here: your own requests, and requests for your securables."
              />
            ),
          },
        ]}
      />
      {deciding ? <DecideAccessRequest {...deciding} onClose={() => setDeciding(null)} /> : null}
    </Page>
  );
}
