import { Anchor, Button, Group, Select, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";

import { versions } from "../api/versions";
import { comparePath, modelPath } from "../paths";
import { ErrorAlert } from "../ui/ErrorAlert";
import { type Crumb, Page } from "../ui/Page";

interface Props {
  name: string;
  /** The versions that the address names. */
  requested: string[];
  crumbs: Crumb[];
}

/** Asks which two versions of a model to compare. */
export function ChooseVersions({ name, requested, crumbs }: Props) {
  const navigate = useNavigate();
  const [left, setLeft] = useState<string | null>(requested[0] ?? null);
  const [right, setRight] = useState<string | null>(requested[1] ?? null);
  const query = useInfiniteQuery(versions(name));
  const numbers = (query.data?.pages ?? [])
    .flatMap((page) => page.versions)
    .map((row) => String(row.version));
  const choices = [...new Set([...numbers, ...requested])].map((value) => ({
    value,
    label: `Version ${value}`,
  }));
  const sentence =
    requested.length > 2
      ? `Choose two versions, because the address names ${requested.length}.`
      : requested.length === 1
        ? "The address names one version. Choose the other one."
        : "Choose the versions to compare.";
  return (
    <Page title="Compare versions" crumbs={crumbs}>
      {query.error ? <ErrorAlert error={query.error} retry={() => void query.refetch()} /> : null}
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
