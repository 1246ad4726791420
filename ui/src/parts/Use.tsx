import { Alert, Select, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";

import { Code } from "../ui/Code";
import type { AliasOf, Working } from "./working";

/** Ready to be pasted: what a client needs to load this very version. */
export function Use({ model, version, alias }: { model: string } & Working) {
  const uri = alias ? `models:/${model}@${alias}` : `models:/${model}/${version}`;
  const host = location.origin;
  const shell = `export DATABRICKS_HOST=${host}
export DATABRICKS_TOKEN=...   # Access tokens, on the left
export MLFLOW_TRACKING_URI=databricks
export MLFLOW_REGISTRY_URI=databricks-uc`;
  const load = `import mlflow

model = mlflow.pyfunc.load_model("${uri}")
model.predict(data)`;
  const batch = `import mlflow
import pandas as pd

model = mlflow.pyfunc.load_model("${uri}")
data = pd.read_parquet("input.parquet")
data["prediction"] = model.predict(data)
data.to_parquet("scored.parquet")`;
  const cli = `mlflow artifacts download --artifact-uri "models:/${model}/${version}" --dst-path ./model`;
  return (
    <Stack maw={820}>
      <Text size="sm">
        {alias
          ? `This code follows the alias @${alias}, which names version ${version} now: moving the alias changes what it loads.`
          : `This code loads version ${version}. Set an alias to let code follow a name instead.`}
      </Text>
      {(
        [
          ["Point a shell at this registry", shell],
          ["Load it in Python", load],
          ["Score a batch", batch],
          ["Download its files", cli],
        ] as const
      ).map(([title, text]) => (
        <div key={title}>
          <Title order={2} size="h5" mb={6}>
            {title}
          </Title>
          <Code text={text} label={title} />
        </div>
      ))}
    </Stack>
  );
}

export function NotReady({ version }: { version: number }) {
  return (
    <Alert variant="light" color="gray" title="Nothing to load yet">
      Version {version} is not ready. Its code appears here when it is.
    </Alert>
  );
}

interface OfModel {
  model: string;
  working: Working | null;
  /** The aliases, the first choice first. */
  choices: AliasOf[];
  newest: number;
}

/** Of a model: by the alias that works, or another one that somebody chooses. */
export function UseModel({ model, working, choices, newest }: OfModel) {
  const [alias, setAlias] = useState<string | null>(null);
  const chosen = choices.find((one) => one.alias_name === alias);
  const shown = chosen ? { version: chosen.version_num, alias: chosen.alias_name } : working;
  if (!shown) return <NotReady version={newest} />;
  return (
    <>
      {choices.length > 1 && working ? (
        <Select
          label="Load by"
          w={260}
          mb="sm"
          allowDeselect={false}
          value={alias ?? working.alias ?? ""}
          onChange={setAlias}
          data={[
            ...(working.alias ? [] : [{ value: "", label: `Version ${working.version}` }]),
            ...choices.map((one) => ({
              value: one.alias_name,
              label: `@${one.alias_name} (version ${one.version_num})`,
            })),
          ]}
        />
      ) : null}
      <Use model={model} {...shown} />
    </>
  );
}
