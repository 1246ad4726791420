import { Anchor, Group } from "@mantine/core";
import { Link } from "react-router";

import type { Version } from "../api/versions";
import { visible } from "../lib/text";
import { versionPath } from "../paths";
import { CopyButton } from "../ui/CodeBlock";
import { Detail } from "./Details";
import { RunLink } from "./RunLink";

/** Where a version comes from: its run, the version that it copies, and its source. */
export function VersionOrigin({ version }: { version: Version }) {
  const copiedFrom = version.copied_from as { model?: string; version?: number } | null;
  return (
    <>
      {version.run_id ? (
        <Detail term="Source run">
          <RunLink
            run={version.run_id}
            experiment={version.experiment_id}
            workspace={version.workspace_id}
            named
          />
        </Detail>
      ) : null}
      {copiedFrom?.model ? (
        <Detail term="Copied from">
          <Anchor
            component={Link}
            size="sm"
            to={versionPath(copiedFrom.model, copiedFrom.version ?? 1)}
          >
            {visible(copiedFrom.model)}, version {copiedFrom.version}
          </Anchor>
        </Detail>
      ) : null}
      {version.source ? (
        <Detail term="Source">
          <Group gap={4} wrap="nowrap">
            <span className="mono">{visible(version.source)}</span>
            <CopyButton text={version.source} label="Copy the source" />
          </Group>
        </Detail>
      ) : null}
    </>
  );
}
