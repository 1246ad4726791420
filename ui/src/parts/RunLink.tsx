import { Anchor } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { visibleRun } from "../api/mlflow";
import { me, workspaces } from "../api/queries";
import { runPath } from "../paths";
import { visible } from "../ui/text";

/** The workspace that a run is of, where it is not the one of these pages. `url` is '' where the caller may not enter it. */
export function useWorkspaceOf(): (workspaceId: string) => { name: string; url: string } | null {
  const { data: who } = useQuery(me);
  const { data: all } = useQuery(workspaces);
  return (id) => {
    if (!id || !who || !all || id === who.workspace_id) return null;
    const other = all.find((one) => one.id === id);
    return other ? { name: other.name, url: other.url } : { name: id, url: "" };
  };
}

interface Props {
  run: string;
  experiment: string;
  /** '' where nobody knows. */
  workspace: string;
  /** Also asks for the run's name. */
  named?: boolean;
}

/** A run by its name, at the address of its workspace. */
export function RunLink({ run, experiment, workspace, named }: Props) {
  const elsewhere = useWorkspaceOf()(workspace);
  const { data } = useQuery(visibleRun(named && !elsewhere ? experiment : "", run));
  const id = named && !elsewhere ? run : run.slice(0, 8);
  const name = data?.info.run_name;
  const path = runPath(experiment, run);
  const label = name ? (
    <>
      {visible(name)} <span className="xs quiet mono">{run.slice(0, 8)}</span>
    </>
  ) : (
    <span className="mono" title={run}>
      {visible(id)}
    </span>
  );
  const known = experiment !== "" && data !== null && (elsewhere === null || elsewhere.url !== "");
  return (
    <>
      {!known ? (
        label
      ) : elsewhere ? (
        <Anchor inherit href={elsewhere.url + path}>
          {label}
        </Anchor>
      ) : (
        <Anchor inherit component={Link} to={path}>
          {label}
        </Anchor>
      )}
      {data === null ? <span className="xs quiet"> not visible to you</span> : null}
      {elsewhere ? <span className="xs quiet"> in workspace {visible(elsewhere.name)}</span> : null}
    </>
  );
}
