import { Anchor } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { me } from "../api/me";
import { visibleRun } from "../api/mlflow";
import { workspaces } from "../api/workspaces";
import { visible } from "../lib/text";
import { runPath } from "../paths";

/** Finds a run's workspace, or null if it is the current one. Its `url` is '' if the caller may not enter it. */
export function useOtherWorkspace(): (workspaceId: string) => { name: string; url: string } | null {
  const { data: user } = useQuery(me);
  const { data: all } = useQuery(workspaces);
  return (id) => {
    if (!id || !user || !all || id === user.workspace_id) return null;
    const other = all.find((workspace) => workspace.id === id);
    return other ? { name: other.name, url: other.url } : { name: id, url: "" };
  };
}

interface Props {
  run: string;
  experiment: string;
  /** The id of the run's workspace, or '' if unknown. */
  workspace: string;
  /** Shows the run's name in the place of its id. */
  named?: boolean;
}

/** A link to a run, in its own workspace. */
export function RunLink({ run, experiment, workspace, named }: Props) {
  const otherWorkspace = useOtherWorkspace()(workspace);
  const { data } = useQuery(visibleRun(named && !otherWorkspace ? experiment : "", run));
  const id = named && !otherWorkspace ? run : run.slice(0, 8);
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
  const isLink =
    experiment !== "" && data !== null && (otherWorkspace === null || otherWorkspace.url !== "");
  return (
    <>
      {!isLink ? (
        label
      ) : otherWorkspace ? (
        <Anchor inherit href={otherWorkspace.url + path}>
          {label}
        </Anchor>
      ) : (
        <Anchor inherit component={Link} to={path}>
          {label}
        </Anchor>
      )}
      {data === null ? <span className="xs quiet"> not visible to you</span> : null}
      {otherWorkspace ? (
        <span className="xs quiet"> in workspace {visible(otherWorkspace.name)}</span>
      ) : null}
    </>
  );
}
