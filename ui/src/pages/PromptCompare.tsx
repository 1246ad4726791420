import { Anchor, Table, Text, Title } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link, useParams, useSearchParams } from "react-router";

import { linesOf, type PromptVersion, promptVersion } from "../api/prompts";
import { catalogPath, home, promptPath, schemaPath } from "../paths";
import { type DiffLine, diffLines } from "../ui/difflines";
import { Failure } from "../ui/Failure";
import { PageLoading } from "../ui/Loading";
import { Page } from "../ui/Page";
import { Pairs } from "../ui/Pairs";
import { gist, plural, upright, visible } from "../ui/text";
import { Time } from "../ui/Time";

/** Two versions of a prompt, line by line. */
export default function PromptCompare() {
  const { catalog = "", schema = "", prompt = "" } = useParams();
  const [params] = useSearchParams();
  const name = `${catalog}.${schema}.${prompt}`;
  const [one = "", two = ""] = (params.get("versions") ?? "").split(",");
  const [left, right] = useQueries({
    queries: [promptVersion(name, one), promptVersion(name, two)],
  });
  const crumbs = [
    { label: "Catalogs", to: home },
    { label: catalog, to: catalogPath(catalog) },
    { label: schema, to: schemaPath(`${catalog}.${schema}`) },
    { label: prompt, to: promptPath(name) },
  ];
  const title = `Compare versions ${one} and ${two}`;
  const failed = left.error ?? right.error;
  if (failed)
    return (
      <Page title={title} crumbs={crumbs}>
        <Failure
          error={failed}
          retry={() => {
            void left.refetch();
            void right.refetch();
          }}
        />
      </Page>
    );
  if (!left.data || !right.data) return <PageLoading />;
  return (
    <Page title={title} crumbs={crumbs}>
      <Comparison name={name} left={left.data} right={right.data} />
    </Page>
  );
}

const FACTS: [string, (version: PromptVersion) => ReactNode][] = [
  ["Type", (version) => version.type],
  [
    "Aliases",
    (version) =>
      version.aliases.map((alias) => (
        <span key={alias} className="alias">
          @{visible(alias)}
        </span>
      )),
  ],
  ["Tags", (version) => <Pairs tags={version.tags} none="None" />],
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
        <Time at={version.created_at} /> by {visible(version.created_by)}
      </>
    ),
  ],
  ["Commit message", (version) => <span className="clip">{gist(version.comment)}</span>],
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
  const lines = useMemo(() => diffLines(linesOf(left), linesOf(right)), [left, right]);
  const count = (kind: DiffLine["kind"]) => lines.filter((line) => line.kind === kind).length;
  return (
    <>
      <div className="table" role="region" aria-label="About the versions" tabIndex={0}>
        <Table verticalSpacing={6} layout="fixed" miw={520} aria-label="About the versions">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>
                <span className="visually-hidden">Fact</span>
              </Table.Th>
              {[left, right].map(({ version }) => (
                <Table.Th key={version}>
                  <Anchor component={Link} to={promptPath(name, version)}>
                    Version {version}
                  </Anchor>
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {FACTS.map(([term, cell]) => (
              <Table.Tr key={term}>
                <Table.Td c="dimmed">{term}</Table.Td>
                <Table.Td>{cell(left)}</Table.Td>
                <Table.Td>{cell(right)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
      <Title order={2} size="h4" mt="lg" mb={6}>
        Template
      </Title>
      <Text size="sm" c="dimmed" mb={6} role="status">
        {count("same") === lines.length
          ? "The templates are the same."
          : `${plural(count("added"), "line")} added, ${plural(count("gone"), "line")} removed.`}
      </Text>
      <Lines lines={lines} />
    </>
  );
}

const ELEMENTS = { same: ["span", " "], gone: ["del", "-"], added: ["ins", "+"] } as const;

function Lines({ lines }: { lines: DiffLine[] }) {
  return (
    <pre className="diff" tabIndex={0} role="region" aria-label="Differences of the templates">
      {lines.map((line, index) => {
        const [Element, sign] = ELEMENTS[line.kind];
        return (
          <Element
            key={index}
            className={line.kind === "same" ? undefined : `diff-${line.kind}`}
          >{`${sign} ${upright(line.text)}\n`}</Element>
        );
      })}
    </pre>
  );
}
