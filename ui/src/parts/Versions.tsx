import { useMemo } from "react";
import { Link } from "react-router";

import { PENDING, type Version, versions } from "../api/queries";
import { versionPath } from "../paths";
import { RunLink } from "./RunLink";
import { Alias, Pairs } from "../ui/Pairs";
import { Status } from "../ui/Status";
import { visible } from "../ui/text";
import { Time } from "../ui/Time";
import { type Column, VirtualTable } from "../ui/VirtualTable";

interface Props {
  model: string;
  rows: Version[];
  chosen: number[];
  choose: (versions: number[]) => void;
  more: (() => void) | undefined;
  loadingMore: boolean;
}

/** A metric's value, and at which step it was logged. */
export const metricText = (metric: { value: number | string; step?: number }) =>
  `${number(metric.value)}${metric.step ? ` (step ${metric.step})` : ""}`;

export const number = (value: number | string) =>
  typeof value === "number" ? Number(value.toPrecision(6)).toString() : value;

function Metrics({ version }: { version: Version }) {
  const shown = version.metrics.slice(0, 2);
  return (
    <>
      {shown.map((metric) => (
        <div
          key={`${metric.key}${metric.dataset_name}`}
          className="xs metric"
          title={`${visible(metric.key)} ${metricText(metric)}`}
        >
          <span>{visible(metric.key)}</span> <b>{number(metric.value)}</b>
          {metric.step ? <span className="quiet nowrap">step {metric.step}</span> : null}
        </div>
      ))}
      {version.metrics.length > 2 ? (
        <div className="xs quiet">+{version.metrics.length - 2}</div>
      ) : null}
    </>
  );
}

export function Versions({ model, rows, chosen, choose, more, loadingMore }: Props) {
  const columns = useMemo(() => columnsOf(model, chosen, choose), [model, chosen, choose]);
  return (
    <VirtualTable
      label="Versions"
      columns={columns}
      rows={rows}
      rowKey={(row) => String(row.version)}
      rowHeight={56}
      list={versions(model).queryKey}
      every={rows.some((row) => row.status === PENDING) ? 2000 : undefined}
      more={more}
      loadingMore={loadingMore}
    />
  );
}

function columnsOf(
  model: string,
  chosen: number[],
  choose: (versions: number[]) => void,
): Column<Version>[] {
  return [
    {
      header: <span className="visually-hidden">Compare</span>,
      label: "Compare",
      width: 40,
      cell: (row) => (
        <input
          type="checkbox"
          aria-label={`Compare version ${row.version}`}
          checked={chosen.includes(row.version)}
          title={
            chosen.length >= 2 && !chosen.includes(row.version)
              ? "Two are chosen: let one go to choose another."
              : undefined
          }
          disabled={chosen.length >= 2 && !chosen.includes(row.version)}
          onChange={(event) =>
            choose(
              event.currentTarget.checked
                ? [...chosen, row.version]
                : chosen.filter((v) => v !== row.version),
            )
          }
        />
      ),
    },
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
      cell: (row) => <Status status={row.status} message={row.status_message} />,
    },
    {
      header: "Aliases and tags",
      cell: (row) => (
        <div className="stacked">
          {row.aliases.length > 0 ? (
            <span className="pairs">
              {row.aliases.map((alias) => (
                <Alias key={alias} name={alias} />
              ))}
            </span>
          ) : null}
          <Pairs tags={row.tags} most={3} />
        </div>
      ),
    },
    { header: "Metrics", from: "md", cell: (row) => <Metrics version={row} /> },
    {
      header: "Created",
      from: "sm",
      width: 130,
      cell: (row) => (
        <>
          <Time at={row.created_at} />
          <div className="xs quiet line">{visible(row.created_by)}</div>
        </>
      ),
    },
  ];
}
