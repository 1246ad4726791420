import { Button } from "@mantine/core";
import { IconLockOpen } from "@tabler/icons-react";
import { Suspense, useState } from "react";

import { lazyComponent } from "../lib/lazyComponent";
import type { Securable } from "../lib/securables";

const RequestAccess = lazyComponent(async () => ({
  default: (await import("../dialogs/RequestAccess")).RequestAccess,
}));

interface Props {
  securable: Securable;
  primary?: boolean;
  /** The privilege that the dialog starts with. */
  first?: string;
}

export function RequestAccessButton({ securable, primary, first }: Props) {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button
        variant={primary ? "filled" : "default"}
        size={first ? "xs" : undefined}
        leftSection={<IconLockOpen size={16} />}
        onClick={() => setOpened(true)}
      >
        Request access
      </Button>
      {opened ? (
        <Suspense fallback={null}>
          <RequestAccess securable={securable} first={first} onClose={() => setOpened(false)} />
        </Suspense>
      ) : null}
    </>
  );
}
