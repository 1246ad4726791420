import { Stack, Text, Title } from "@mantine/core";

import { type PromptVersion, variablesOf } from "../api/prompts";
import { CodeBlock } from "../ui/CodeBlock";

/** Code to paste: it loads one version of a prompt. */
export function PromptSnippets({
  prompt,
  version,
  alias,
}: {
  prompt: string;
  version: PromptVersion;
  alias?: string | undefined;
}) {
  const uri = alias ? `prompts:/${prompt}@${alias}` : `prompts:/${prompt}/${version.version}`;
  const names = variablesOf(version).filter((name) => !name.includes("."));
  const values = names.map((name) => `${name}="..."`).join(", ");
  const shell = `export DATABRICKS_HOST=${location.origin}
export DATABRICKS_TOKEN=...   # Access tokens, on the left
export MLFLOW_TRACKING_URI=databricks
export MLFLOW_REGISTRY_URI=databricks-uc`;
  const load = `import mlflow

prompt = mlflow.genai.load_prompt("${uri}")
${version.type === "chat" ? "messages" : "text"} = prompt.format(${values})`;
  const register = `import mlflow

mlflow.genai.register_prompt(
    name="${prompt}",
    template=${version.type === "chat" ? '[{"role": "user", "content": "..."}]' : '"..."'},
    commit_message="What changed",
)`;
  return (
    <Stack maw={820}>
      <Text size="sm">
        {alias
          ? `This code follows the alias @${alias}. Clients cache an alias for 60 seconds.`
          : `This code loads version ${version.version}. Set an alias to let code follow a name instead.`}
      </Text>
      {(
        [
          ["Point a shell at this registry", shell],
          ["Load it in Python", load],
          ["Register the next version", register],
        ] as const
      ).map(([title, text]) => (
        <div key={title}>
          <Title order={2} size="h5" mb={6}>
            {title}
          </Title>
          <CodeBlock text={text} label={title} />
        </div>
      ))}
    </Stack>
  );
}
