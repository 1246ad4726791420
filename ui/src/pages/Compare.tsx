import { Anchor, Button, Group, Select, Stack, Switch, Table, Text, Title } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useNavigate, useParams, useSearchParams } from "react-router";

import {
  fileText,
  type Version,
  version as versionQuery,
  versionFiles,
  versions,
} from "../api/queries";
import { RunLink } from "../parts/RunLink";
import { metricText } from "../parts/Versions";
import {
  catalogPath,
  comparePath,
  filePath,
  home,
  modelPath,
  schemaPath,
  versionPath,
} from "../paths";
import { Failure } from "../ui/Failure";
import { PageLoading } from "../ui/Loading";
import { Alias, Pairs } from "../ui/Pairs";
import { Page } from "../ui/Page";
import { rowsOf } from "../ui/signature";
import { Status } from "../ui/Status";
import { gist, size, visible } from "../ui/text";
import { Time } from "../ui/Time";

/** Texts by name, of the left and the right version. */
type Side = Record<string, string>;

function Block({
  title,
  left,
  right,
  differing,
  names,
}: {
  title: string;
  left: Side;
  right: Side;
  differing: boolean;
  names: [string, string];
}) {
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])].sort((a, b) =>
    a.localeCompare(b),
  );
  const shown = keys.filter((key) => !differing || left[key] !== right[key]);
  const different = keys.filter((key) => left[key] !== right[key]).length;
  return (
    <section aria-label={title}>
      <Title order={2} size="h4" mt="lg" mb={6}>
        {title}{" "}
        <span className="count">
          {keys.length === 0
            ? ""
            : different === 0
              ? "the same"
              : `${different} of ${keys.length} differ`}
        </span>
      </Title>
      {shown.length === 0 ? (
        <Text size="sm" c="dimmed">
          {keys.length === 0 ? "Neither has any." : "Nothing differs."}
        </Text>
      ) : (
        <div
          className="table"
          role="region"
          aria-label={`${title} by name`}
          tabIndex={0}
          style={{ maxHeight: 480 }}
        >
          <Table verticalSpacing={6} stickyHeader aria-label={title} layout="fixed" miw={520}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                {names.map((name) => (
                  <Table.Th key={name}>{name}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {shown.map((key) => (
                <Table.Tr key={key} className={left[key] === right[key] ? undefined : "differs"}>
                  <Table.Td className="anywhere">{visible(key)}</Table.Td>
                  {[left[key], right[key]].map((value, index) => (
                    <Table.Td key={names[index]} className="mono">
                      {value === undefined ? (
                        <Text span size="sm" c="dimmed">
                          absent
                        </Text>
                      ) : (
                        visible(value)
                      )}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}

const signature = (version: Version): Side =>
  Object.fromEntries(
    (["inputs", "outputs", "params"] as const).flatMap((part) =>
      rowsOf(version.signature?.[part]).map((row) => [
        `${part}: ${row.name}`,
        `${row.type}${row.required ? "" : ", optional"}`,
      ]),
    ),
  );

const metrics = (version: Version): Side =>
  Object.fromEntries(
    version.metrics.map((metric) => [
      metric.key + (metric.dataset_name ? ` (${metric.dataset_name})` : ""),
      metricText(metric),
    ]),
  );

function useParts(model: string, asked: string) {
  const version = useQuery(versionQuery(model, asked));
  const files = useInfiniteQuery(versionFiles(model, asked));
  const listed = files.data?.pages.flatMap((page) => page.files) ?? [];
  const there = listed.some((file) => file.path === "requirements.txt");
  const text = useQuery({
    ...fileText(filePath(model, Number(asked), "requirements.txt"), 0),
    enabled: there,
  });
  const lines = text.data
    ? new TextDecoder()
        .decode(text.data)
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean)
    : [];
  return {
    version,
    files: Object.fromEntries(
      listed.map((file) => [file.path, `${size(file.size)} ${file.sha256.slice(0, 12)}`]),
    ),
    requirements: Object.fromEntries(
      lines.map((line) => {
        const name = line.split(/[=<>!~ ;[]/, 1)[0] ?? line;
        return [name, line.slice(name.length) || "any"];
      }),
    ),
  };
}

/** Two versions, from the address; without two of them, the question which. */
export default function Compare() {
  const { catalog = "", schema = "", model: leaf = "" } = useParams();
  const [params] = useSearchParams();
  const name = `${catalog}.${schema}.${leaf}`;
  const crumbs = [
    { label: "Catalogs", to: home },
    { label: catalog, to: catalogPath(catalog) },
    { label: schema, to: schemaPath(`${catalog}.${schema}`) },
    { label: leaf, to: modelPath(name) },
  ];
  const asked = [
    ...new Set(
      (params.get("versions") ?? "")
        .split(",")
        .map((text) => text.trim())
        .filter((text) => /^\d{1,18}$/.test(text)),
    ),
  ];
  const [one, two] = asked;
  return asked.length === 2 && one && two ? (
    <Two key={`${one},${two}`} name={name} one={one} two={two} crumbs={crumbs} />
  ) : (
    <Choose name={name} asked={asked} crumbs={crumbs} />
  );
}

interface Crumbs {
  crumbs: { label: string; to: string }[];
}

function Choose({ name, asked, crumbs }: Crumbs & { name: string; asked: string[] }) {
  const navigate = useNavigate();
  const [left, setLeft] = useState<string | null>(asked[0] ?? null);
  const [right, setRight] = useState<string | null>(asked[1] ?? null);
  const listed = useInfiniteQuery(versions(name));
  const known = (listed.data?.pages ?? [])
    .flatMap((page) => page.versions)
    .map((row) => String(row.version));
  const choices = [...new Set([...known, ...asked])].map((value) => ({
    value,
    label: `Version ${value}`,
  }));
  const sentence =
    asked.length > 2
      ? `Two versions are compared at a time, and the address names ${asked.length}.`
      : asked.length === 1
        ? "The address names one version. Choose the other one."
        : "Choose the versions to compare.";
  return (
    <Page title="Compare versions" crumbs={crumbs}>
      {listed.error ? <Failure error={listed.error} retry={() => void listed.refetch()} /> : null}
      <Stack maw={420}>
        <Text size="sm" role="status">
          {sentence}
        </Text>
        <Select label="From" value={left} onChange={setLeft} data={choices} searchable />
        <Select label="To" value={right} onChange={setRight} data={choices} searchable />
        <Group>
          <Button
            disabled={!left || !right || left === right}
            onClick={() =>
              void navigate(comparePath(name, [left ?? "", right ?? ""]), { replace: true })
            }
          >
            Compare
          </Button>
          <Anchor component={Link} to={modelPath(name)} size="sm">
            Back to the model
          </Anchor>
        </Group>
      </Stack>
    </Page>
  );
}

function Two({ name, one, two, crumbs }: Crumbs & { name: string; one: string; two: string }) {
  const [differing, setDiffering] = useState(false);
  const left = useParts(name, one);
  const right = useParts(name, two);
  const error = left.version.error ?? right.version.error;
  if (error)
    return (
      <Page title="Compare versions" crumbs={crumbs}>
        <Failure error={error} />
        <Anchor component={Link} to={modelPath(name)} size="sm">
          Back to the model
        </Anchor>
      </Page>
    );
  if (!left.version.data || !right.version.data) return <PageLoading />;
  const [a, b] = [left.version.data, right.version.data];
  const names: [string, string] = [`Version ${one}`, `Version ${two}`];
  const facts: [string, (version: Version) => ReactNode][] = [
    ["Status", (v) => <Status status={v.status} message={v.status_message} />],
    ["Aliases", (v) => v.aliases.map((alias) => <Alias key={alias} name={alias} />)],
    ["Tags", (v) => <Pairs tags={v.tags} none="None" />],
    [
      "Created",
      (v) => (
        <>
          <Time at={v.created_at} /> by {visible(v.created_by)}
        </>
      ),
    ],
    [
      "Source run",
      (v) =>
        v.run_id ? (
          <RunLink run={v.run_id} experiment={v.experiment_id} workspace={v.workspace_id} named />
        ) : (
          "none"
        ),
    ],
    ["Description", (v) => <span className="clip">{gist(v.comment)}</span>],
  ];
  const common = { differing, names };
  return (
    <Page
      title={`Compare versions ${one} and ${two}`}
      crumbs={crumbs}
      actions={
        <Switch
          label="Only what differs"
          checked={differing}
          onChange={(event) => setDiffering(event.currentTarget.checked)}
        />
      }
    >
      <div className="table" role="region" aria-label="About the versions" tabIndex={0}>
        <Table verticalSpacing={6} layout="fixed" miw={520} aria-label="About the versions">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>
                <span className="visually-hidden">Fact</span>
              </Table.Th>
              {[one, two].map((v) => (
                <Table.Th key={v}>
                  <Anchor component={Link} to={versionPath(name, v)}>
                    Version {v}
                  </Anchor>
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {facts.map(([term, shown]) => (
              <Table.Tr key={term}>
                <Table.Td c="dimmed">{term}</Table.Td>
                <Table.Td>{shown(a)}</Table.Td>
                <Table.Td>{shown(b)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
      <Block title="Signature" left={signature(a)} right={signature(b)} {...common} />
      <Block title="Metrics" left={metrics(a)} right={metrics(b)} {...common} />
      <Block
        title="Parameters"
        left={Object.fromEntries(a.params.map((p) => [p.name, p.value]))}
        right={Object.fromEntries(b.params.map((p) => [p.name, p.value]))}
        {...common}
      />
      <Block title="Dependencies" left={left.requirements} right={right.requirements} {...common} />
      <Block title="Files" left={left.files} right={right.files} {...common} />
    </Page>
  );
}
