import { Loader, Tooltip } from "@mantine/core";

const LABELS: Record<string, string> = {
  READY: "Ready",
  PENDING_REGISTRATION: "Registering",
  FAILED_REGISTRATION: "Failed",
};

export function StatusBadge({ status, message }: { status: string; message?: string }) {
  const badge = (
    <span className="status" data-status={status}>
      {status === "PENDING_REGISTRATION" ? <Loader size={10} color="yellow" aria-hidden /> : null}
      {LABELS[status] ?? status}
    </span>
  );
  return message ? (
    <Tooltip label={message} multiline maw={420}>
      {badge}
    </Tooltip>
  ) : (
    badge
  );
}
