import { Badge, Loader, Tooltip } from "@mantine/core";

const SHOWN: Record<string, { color: string; label: string }> = {
  READY: { color: "teal", label: "Ready" },
  PENDING_REGISTRATION: { color: "yellow", label: "Registering" },
  FAILED_REGISTRATION: { color: "red", label: "Failed" },
};

export function Status({ status, message }: { status: string; message?: string }) {
  const { color, label } = SHOWN[status] ?? { color: "gray", label: status };
  const badge = (
    <Badge
      color={color}
      variant="dot"
      radius="sm"
      tt="none"
      className="nowrap"
      leftSection={status === "PENDING_REGISTRATION" ? <Loader size={10} color="yellow" aria-hidden /> : undefined}
    >
      {label}
    </Badge>
  );
  return message ? <Tooltip label={message} multiline maw={420}>{badge}</Tooltip> : badge;
}
