import { ReactFlowProvider } from "@xyflow/react";

import { LineageOf } from "./Lineage";

/** What a table came from and what was made of it. */
export default function TableLineage({ table }: { table: string }) {
  return (
    <ReactFlowProvider>
      <LineageOf kind="TABLE" name={table} />
    </ReactFlowProvider>
  );
}
