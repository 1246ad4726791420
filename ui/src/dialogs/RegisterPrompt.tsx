import { SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useNavigate } from "react-router";

import { messagesOf, type PromptVersion, registerPrompt, templateText } from "../api/prompts";
import { useDraftFields } from "../lib/drafts";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { promptPath } from "../paths";
import { MutationDialog } from "../ui/Dialog";

interface Props {
  /** The schema of a new prompt. */
  schema?: string;
  /** The prompt that gets a next version. */
  prompt?: string;
  /** The version that the next version starts from. */
  latest?: PromptVersion | undefined;
  onClose: () => void;
}

type TemplateType = "text" | "chat";

const EMPTY_CHAT =
  '[\n  {"role": "system", "content": ""},\n  {"role": "user", "content": "{{ question }}"}\n]';

function initialTemplate(latest: PromptVersion | undefined): { type: TemplateType; text: string } {
  if (!latest) return { type: "text", text: "" };
  if (typeof messagesOf(latest) === "string") return { type: "text", text: templateText(latest) };
  return { type: "chat", text: JSON.stringify(JSON.parse(latest.template), null, 2) };
}

/** Creates a prompt with its first version, or registers the next version of a prompt. */
export function RegisterPrompt({ schema, prompt, latest, onClose }: Props) {
  const { fields, setFields, discard } = useDraftFields(
    prompt ? `version of prompt ${prompt}` : `prompt in ${schema}`,
    { name: "", comment: "", ...initialTemplate(latest) },
  );
  const { name, comment, type, text } = fields;
  const navigate = useNavigate();
  const fullName = prompt ?? `${schema}.${name.trim()}`;
  const mutation = useMutationWithToast(
    () => registerPrompt(fullName, type === "chat" ? text : JSON.stringify(text), comment, !prompt),
    (version) => `Version ${version.version} of ${version.name} registered.`,
    (version) => {
      discard();
      onClose();
      void navigate(promptPath(version.name, version.version));
    },
  );
  const setType = (next: string) =>
    setFields({
      type: next === "chat" ? "chat" : "text",
      text: next === "chat" && text.trim() === "" ? EMPTY_CHAT : text,
    });
  return (
    <MutationDialog
      title={prompt ? "Register the next version" : `Create prompt in ${visible(schema ?? "")}`}
      submit={prompt ? "Register" : "Create"}
      size="lg"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={!text || (!prompt && !name.trim())}
    >
      {prompt ? null : (
        <TextInput
          label="Name"
          description="Letters, digits, - and _."
          value={name}
          onChange={(event) => setFields({ name: event.currentTarget.value })}
          required
          data-autofocus
          autoComplete="off"
        />
      )}
      <SegmentedControl
        aria-label="Type of the template"
        size="xs"
        value={type}
        onChange={setType}
        data={[
          { value: "text", label: "Text" },
          { value: "chat", label: "Chat messages" },
        ]}
      />
      <Textarea
        label="Template"
        description={
          type === "chat"
            ? "A JSON list of messages, each with a role and a content. Write variables as {{ name }}."
            : "Write variables as {{ name }}."
        }
        value={text}
        onChange={(event) => setFields({ text: event.currentTarget.value })}
        autosize
        minRows={8}
        maxRows={20}
        required
        data-autofocus={prompt ? true : undefined}
        classNames={{ input: "mono" }}
      />
      <TextInput
        label="Commit message"
        description="What changed, and why."
        value={comment}
        onChange={(event) => setFields({ comment: event.currentTarget.value })}
        autoComplete="off"
      />
    </MutationDialog>
  );
}
