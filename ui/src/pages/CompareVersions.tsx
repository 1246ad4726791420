import { Anchor, Switch } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";

import type { Version } from "../api/versions";
import { fileText, versionFiles, version as versionQuery } from "../api/versions";
import { ChooseVersions } from "../components/ChooseVersions";
import { CompareTable } from "../components/CompareTable";
import { FactTable } from "../components/FactTable";
import { RunLink } from "../components/RunLink";
import {
  metricTexts,
  requestedVersions,
  requirementsOf,
  type Side,
  signatureTexts,
} from "../lib/compareVersions";
import { modelCrumbs } from "../lib/crumbs";
import { formatBytes, markdownSummary, visible } from "../lib/text";
import { filePath, modelPath, versionPath } from "../paths";
import { AliasBadge } from "../ui/AliasBadge";
import { ErrorAlert } from "../ui/ErrorAlert";
import { type Crumb, Page } from "../ui/Page";
import { PageSkeleton } from "../ui/Skeletons";
import { StatusBadge } from "../ui/StatusBadge";
import { TagList } from "../ui/Tags";
import { TimeAgo } from "../ui/TimeAgo";

/** Compares the two versions that the address names. With another number of them, asks for two. */
export default function CompareVersions() {
  const { catalog = "", schema = "", model = "" } = useParams();
  const [params] = useSearchParams();
  const name = `${catalog}.${schema}.${model}`;
  const crumbs = modelCrumbs(catalog, schema, model);
  const requested = requestedVersions(params);
  const [left, right] = requested;
  if (requested.length !== 2 || !left || !right)
    return <ChooseVersions name={name} requested={requested} crumbs={crumbs} />;
  return (
    <Comparison key={`${left},${right}`} name={name} left={left} right={right} crumbs={crumbs} />
  );
}

interface Props {
  name: string;
  left: string;
  right: string;
  crumbs: Crumb[];
}

const FACTS: [string, (version: Version) => ReactNode][] = [
  ["Status", (version) => <StatusBadge status={version.status} message={version.status_message} />],
  ["Aliases", ({ aliases }) => aliases.map((alias) => <AliasBadge key={alias} name={alias} />)],
  ["Tags", (version) => <TagList tags={version.tags} emptyText="None" />],
  [
    "Created",
    (version) => (
      <>
        <TimeAgo at={version.created_at} /> by {visible(version.created_by)}
      </>
    ),
  ],
  [
    "Source run",
    (version) =>
      version.run_id ? (
        <RunLink
          run={version.run_id}
          experiment={version.experiment_id}
          workspace={version.workspace_id}
          named
        />
      ) : (
        "none"
      ),
  ],
  ["Description", (version) => <span className="clip">{markdownSummary(version.comment)}</span>],
];

function Comparison({ name, left, right, crumbs }: Props) {
  const [onlyDiffering, setOnlyDiffering] = useState(false);
  const leftFiles = useFileTexts(name, left);
  const rightFiles = useFileTexts(name, right);
  const leftQuery = useQuery(versionQuery(name, left));
  const rightQuery = useQuery(versionQuery(name, right));
  const error = leftQuery.error ?? rightQuery.error;
  if (error)
    return (
      <Page title="Compare versions" crumbs={crumbs}>
        <ErrorAlert error={error} />
        <Anchor component={Link} to={modelPath(name)} size="sm">
          Back to the model
        </Anchor>
      </Page>
    );
  if (!leftQuery.data || !rightQuery.data) return <PageSkeleton />;
  const [a, b] = [leftQuery.data, rightQuery.data];
  const sections: [title: string, left: Side, right: Side][] = [
    ["Signature", signatureTexts(a), signatureTexts(b)],
    ["Metrics", metricTexts(a), metricTexts(b)],
    ["Parameters", paramTexts(a), paramTexts(b)],
    ["Dependencies", leftFiles.requirements, rightFiles.requirements],
    ["Files", leftFiles.files, rightFiles.files],
  ];
  return (
    <Page
      title={`Compare versions ${left} and ${right}`}
      crumbs={crumbs}
      actions={
        <Switch
          label="Only what differs"
          checked={onlyDiffering}
          onChange={(event) => setOnlyDiffering(event.currentTarget.checked)}
        />
      }
    >
      <FactTable
        left={a}
        right={b}
        facts={FACTS}
        path={({ version }) => versionPath(name, version)}
      />
      {sections.map(([title, leftSide, rightSide]) => (
        <CompareTable
          key={title}
          title={title}
          left={leftSide}
          right={rightSide}
          onlyDiffering={onlyDiffering}
          headings={[`Version ${left}`, `Version ${right}`]}
        />
      ))}
    </Page>
  );
}

const paramTexts = (version: Version): Side =>
  Object.fromEntries(version.params.map((param) => [param.name, param.value]));

/** The files of a version with their sizes and digests, and its requirements.txt. */
function useFileTexts(model: string, number: string): { files: Side; requirements: Side } {
  const filePages = useInfiniteQuery(versionFiles(model, number));
  const files = filePages.data?.pages.flatMap((page) => page.files) ?? [];
  const requirements = useQuery({
    ...fileText(filePath(model, Number(number), "requirements.txt"), 0),
    enabled: files.some((file) => file.path === "requirements.txt"),
  });
  return {
    files: Object.fromEntries(
      files.map((file) => [file.path, `${formatBytes(file.size)} ${file.sha256.slice(0, 12)}`]),
    ),
    requirements: requirements.data
      ? requirementsOf(new TextDecoder().decode(requirements.data))
      : {},
  };
}
