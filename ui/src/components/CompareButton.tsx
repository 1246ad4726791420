import { Button } from "@mantine/core";
import { IconArrowsDiff } from "@tabler/icons-react";
import { useNavigate } from "react-router";

interface Props {
  chosen: number[];
  /** The address that compares two versions. */
  path: (versions: number[]) => string;
}

/** Compares the two versions that are chosen in a table. */
export function CompareButton({ chosen, path }: Props) {
  const navigate = useNavigate();
  return (
    <Button
      variant="default"
      size="xs"
      leftSection={<IconArrowsDiff size={15} />}
      disabled={chosen.length !== 2}
      onClick={() => void navigate(path(chosen.toSorted((a, b) => a - b)))}
    >
      {chosen.length === 2 ? "Compare" : "Choose two to compare"}
    </Button>
  );
}
