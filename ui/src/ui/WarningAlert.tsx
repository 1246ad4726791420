import { Alert, type AlertProps } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";

interface Props extends Omit<AlertProps, "color" | "variant" | "className" | "icon"> {
  title: string;
  children: ReactNode;
  /** `alert` makes screen readers read it at once. */
  role?: "alert";
}

/** Something that the reader should know before going on. */
export function WarningAlert(props: Props) {
  return (
    <Alert
      color="yellow"
      variant="light"
      className="warning"
      icon={<IconAlertTriangle size={20} />}
      {...props}
    />
  );
}
