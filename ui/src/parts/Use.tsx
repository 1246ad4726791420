import { Stack, Text, Title } from "@mantine/core";

import { Code } from "../ui/Code";

/** Ready to be pasted: what a client needs to load this very version. */
export function Use({ model, version, alias }: { model: string; version: number; alias?: string }) {
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
        {alias ? `These follow the alias @${alias}: whoever moves it changes what is loaded.` : `These load version ${version}. Set an alias to let code follow a name instead.`}
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
          <Title order={3} size="h5" mb={6}>{title}</Title>
          <Code text={text} label={title} />
        </div>
      ))}
    </Stack>
  );
}
