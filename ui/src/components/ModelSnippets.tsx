import { Alert, Select } from "@mantine/core";
import { useState } from "react";

import type { AliasTarget, LoadTarget } from "../lib/loadTarget";
import { OWN_TOKEN, shellExports } from "../lib/shell";
import { CodeSections } from "./CodeSections";

/** Code to paste: it loads one version, by its number or an alias. */
export function ModelSnippets({ model, version, alias }: { model: string } & LoadTarget) {
  const uri = alias ? `models:/${model}@${alias}` : `models:/${model}/${version}`;
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
    <CodeSections
      introduction={
        alias
          ? `This code follows the alias @${alias}, which names version ${version} now. Moving the alias changes what the code loads.`
          : `This code loads version ${version}. Set an alias to let code follow a name instead.`
      }
      sections={[
        ["Point a shell at this registry", shellExports(OWN_TOKEN)],
        ["Load it in Python", load],
        ["Score a batch", batch],
        ["Download its files", cli],
      ]}
    />
  );
}

export function NotReadyNotice({ version }: { version: number }) {
  return (
    <Alert variant="light" color="gray" title="Nothing to load yet">
      Version {version} is not ready. Its code appears here when it is.
    </Alert>
  );
}

interface Props {
  model: string;
  target: LoadTarget | null;
  /** The aliases, the first choice first. */
  aliases: AliasTarget[];
  newest: number;
}

/** The code for a model: by the alias of a ready version, or by an alias that the reader chooses. */
export function ModelSnippetsByAlias({ model, target, aliases, newest }: Props) {
  const [alias, setAlias] = useState<string | null>(null);
  const choice = aliases.find((candidate) => candidate.alias_name === alias);
  const chosenTarget = choice ? { version: choice.version_num, alias: choice.alias_name } : target;
  if (!chosenTarget) return <NotReadyNotice version={newest} />;
  return (
    <>
      {aliases.length > 1 && target ? (
        <Select
          label="Load by"
          w={260}
          mb="sm"
          allowDeselect={false}
          value={alias ?? target.alias ?? ""}
          onChange={setAlias}
          data={[
            ...(target.alias ? [] : [{ value: "", label: `Version ${target.version}` }]),
            ...aliases.map((candidate) => ({
              value: candidate.alias_name,
              label: `@${candidate.alias_name} (version ${candidate.version_num})`,
            })),
          ]}
        />
      ) : null}
      <ModelSnippets model={model} {...chosenTarget} />
    </>
  );
}
