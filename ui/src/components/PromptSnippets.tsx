import { type PromptVersion, variablesOf } from "../api/prompts";
import { OWN_TOKEN, shellExports } from "../lib/shell";
import { CodeSections } from "./CodeSections";

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
    <CodeSections
      introduction={
        alias
          ? `This code follows the alias @${alias}. Clients cache an alias for 60 seconds.`
          : `This code loads version ${version.version}. Set an alias to let code follow a name instead.`
      }
      sections={[
        ["Point a shell at this registry", shellExports(OWN_TOKEN)],
        ["Load it in Python", load],
        ["Register the next version", register],
      ]}
    />
  );
}
