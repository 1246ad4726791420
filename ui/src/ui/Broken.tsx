import { Box } from "@mantine/core";
import { useRouteError } from "react-router";

import { Failure } from "./Failure";

/** Where a page itself has failed: the rest of the shell stays. */
export function Broken() {
  const error = useRouteError();
  return (
    <Box p="lg">
      <Failure error={error} retry={() => location.reload()} />
    </Box>
  );
}
