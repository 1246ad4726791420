import { Text, Title } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { useParams, useSearchParams } from "react-router";

import { type PromptVersion, promptVersion, templateText } from "../api/prompts";
import { FactTable } from "../components/FactTable";
import { promptCrumbs } from "../lib/crumbs";
import { type DiffLine, diffLines } from "../lib/diffLines";
import { escapeBidi, markdownSummary, plural, visible } from "../lib/text";
import { promptPath } from "../paths";
import { AliasBadge } from "../ui/AliasBadge";
import { ErrorAlert } from "../ui/ErrorAlert";
import { Page } from "../ui/Page";
import { PageSkeleton } from "../ui/Skeletons";
import { TagList } from "../ui/Tags";
import { TimeAgo } from "../ui/TimeAgo";

/** Compares two versions of a prompt line by line. */
export default function ComparePromptVersions() {
  const { catalog = "", schema = "", prompt = "" } = useParams();
  const [params] = useSearchParams();
  const name = `${catalog}.${schema}.${prompt}`;
  const [leftVersion = "", rightVersion = ""] = (params.get("versions") ?? "").split(",");
  const [left, right] = useQueries({
    queries: [promptVersion(name, leftVersion), promptVersion(name, rightVersion)],
  });
  const crumbs = promptCrumbs(catalog, schema, prompt);
  const title = `Compare versions ${leftVersion} and ${rightVersion}`;
  const error = left.error ?? right.error;
  if (error)
    return (
      <Page title={title} crumbs={crumbs}>
        <ErrorAlert
          error={error}
          retry={() => {
            void left.refetch();
            void right.refetch();
          }}
        />
      </Page>
    );
  if (!left.data || !right.data) return <PageSkeleton />;
  return (
    <Page title={title} crumbs={crumbs}>
      <Comparison name={name} left={left.data} right={right.data} />
    </Page>
  );
}

const FACTS: [string, (version: PromptVersion) => ReactNode][] = [
  ["Type", (version) => version.type],
  ["Aliases", ({ aliases }) => aliases.map((alias) => <AliasBadge key={alias} name={alias} />)],
  ["Tags", (version) => <TagList tags={version.tags} emptyText="None" />],
  [
    "Model configuration",
    (version) => <span className="mono anywhere">{visible(version.model_config) || "none"}</span>,
  ],
  [
    "Response format",
    (version) => (
      <span className="mono anywhere">{visible(version.response_format) || "none"}</span>
    ),
  ],
  [
    "Registered",
    (version) => (
      <>
        <TimeAgo at={version.created_at} /> by {visible(version.created_by)}
      </>
    ),
  ],
  ["Commit message", (version) => <span className="clip">{markdownSummary(version.comment)}</span>],
];

function Comparison({
  name,
  left,
  right,
}: {
  name: string;
  left: PromptVersion;
  right: PromptVersion;
}) {
  const lines = useMemo(() => diffLines(templateText(left), templateText(right)), [left, right]);
  const count = (kind: DiffLine["kind"]) => lines.filter((line) => line.kind === kind).length;
  return (
    <>
      <FactTable
        left={left}
        right={right}
        facts={FACTS}
        path={({ version }) => promptPath(name, version)}
      />
      <Title order={2} size="h4" mt="lg" mb={6}>
        Template
      </Title>
      <Text size="sm" c="dimmed" mb={6} role="status">
        {count("same") === lines.length
          ? "The templates are the same."
          : `${plural(count("added"), "line")} added, ${plural(count("removed"), "line")} removed.`}
      </Text>
      <DiffView lines={lines} />
    </>
  );
}

const ELEMENTS = { same: ["span", " "], removed: ["del", "-"], added: ["ins", "+"] } as const;

function DiffView({ lines }: { lines: DiffLine[] }) {
  return (
    <pre className="diff" tabIndex={0} role="region" aria-label="Differences of the templates">
      {lines.map((line, index) => {
        const [Element, sign] = ELEMENTS[line.kind];
        return (
          <Element
            key={index}
            className={line.kind === "same" ? undefined : `diff-${line.kind}`}
          >{`${sign} ${escapeBidi(line.text)}\n`}</Element>
        );
      })}
    </pre>
  );
}
