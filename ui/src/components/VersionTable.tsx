import { useMemo } from "react";
import { Link } from "react-router";

import type { Version } from "../api/versions";
import { PENDING, versions } from "../api/versions";
import { formatNumber, metricText } from "../lib/metrics";
import { visible } from "../lib/text";
import { versionPath } from "../paths";
import { StatusBadge } from "../ui/StatusBadge";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { RunLink } from "./RunLink";
import { ALIASES_AND_TAGS, CREATION, compareColumn } from "./versionColumns";

interface Props {
  model: string;
  rows: Version[];
  chosen: number[];
  setChosen: (versions: number[]) => void;
  loadMore: (() => void) | undefined;
  loadingMore: boolean;
}

function Metrics({ version }: { version: Version }) {
  const metrics = version.metrics.slice(0, 2);
  return (
    <>
      {metrics.map((metric) => (
        <div
          key={`${metric.key}${metric.dataset_name}`}
          className="xs metric"
          title={`${visible(metric.key)} ${metricText(metric)}`}
        >
          <span>{visible(metric.key)}</span> <b>{formatNumber(metric.value)}</b>
          {metric.step ? <span className="quiet nowrap">step {metric.step}</span> : null}
        </div>
      ))}
      {version.metrics.length > 2 ? (
        <div className="xs quiet">+{version.metrics.length - 2}</div>
      ) : null}
    </>
  );
}

export function VersionTable({ model, rows, chosen, setChosen, loadMore, loadingMore }: Props) {
  const columns = useMemo(() => columnsOf(model, chosen, setChosen), [model, chosen, setChosen]);
  return (
    <VirtualTable
      label="Versions"
      columns={columns}
      rows={rows}
      rowKey={(row) => String(row.version)}
      rowHeight={56}
      queryKey={versions(model).queryKey}
      refetchInterval={rows.some((row) => row.status === PENDING) ? 2000 : undefined}
      loadMore={loadMore}
      loadingMore={loadingMore}
    />
  );
}

function columnsOf(
  model: string,
  chosen: number[],
  setChosen: (versions: number[]) => void,
): Column<Version>[] {
  return [
    compareColumn(chosen, setChosen),
    {
      header: "Version",
      width: 90,
      cell: (row) => (
        <>
          <Link className="name nowrap" to={versionPath(model, row.version)}>
            Version {row.version}
          </Link>
          {row.run_id && row.experiment_id ? (
            <div className="xs quiet nowrap">
              run{" "}
              <RunLink
                run={row.run_id}
                experiment={row.experiment_id}
                workspace={row.workspace_id}
              />
            </div>
          ) : null}
        </>
      ),
    },
    {
      header: "Status",
      width: 130,
      cell: (row) => <StatusBadge status={row.status} message={row.status_message} />,
    },
    ALIASES_AND_TAGS,
    { header: "Metrics", visibleFrom: "md", cell: (row) => <Metrics version={row} /> },
    { ...CREATION, visibleFrom: "sm" },
  ];
}
