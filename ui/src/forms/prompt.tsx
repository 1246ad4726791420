import { Code as Mono, SegmentedControl, Select, Text, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";

import {
  deletePromptAlias,
  deletePromptVersion,
  linesOf,
  messagesOf,
  type PromptVersion,
  registerPrompt,
  setPromptAlias,
  updatePromptVersion,
} from "../api/prompts";
import { protectedAliases } from "../api/queries";
import { promptPath } from "../paths";
import { useAct } from "../ui/Act";
import { Dialog } from "../ui/Dialog";
import { kindLabel } from "../ui/kinds";
import { visible } from "../ui/text";
import { ConfirmDelete } from "./change";

interface RegisterProps {
  /** Where a new prompt is created. */
  schema?: string;
  /** Whose next version is registered. */
  prompt?: string;
  /** What the next version begins from. */
  before?: PromptVersion | undefined;
  onClose: () => void;
}

type Form = "text" | "chat";

const EMPTY_CHAT =
  '[\n  {"role": "system", "content": ""},\n  {"role": "user", "content": "{{ question }}"}\n]';

function startOf(before: PromptVersion | undefined): { form: Form; text: string } {
  if (!before) return { form: "text", text: "" };
  if (typeof messagesOf(before) === "string") return { form: "text", text: linesOf(before) };
  return { form: "chat", text: JSON.stringify(JSON.parse(before.template), null, 2) };
}

/** Creates a prompt with its first version, or registers the next version of one. */
export function RegisterPrompt({ schema, prompt, before, onClose }: RegisterProps) {
  const [name, setName] = useState("");
  const [{ form, text }, setDraft] = useState(() => startOf(before));
  const [comment, setComment] = useState("");
  const navigate = useNavigate();
  const full = prompt ?? `${schema}.${name.trim()}`;
  const act = useAct(
    () => registerPrompt(full, form === "text" ? JSON.stringify(text) : text, comment, !prompt),
    (made) => `Version ${made.version} of ${made.name} registered.`,
    (made) => {
      onClose();
      void navigate(promptPath(made.name, made.version));
    },
  );
  const change = (next: Form) =>
    setDraft((now) => ({
      form: next,
      text: next === "chat" && now.text.trim() === "" ? EMPTY_CHAT : now.text,
    }));
  return (
    <Dialog
      title={prompt ? "Register the next version" : `Create prompt in ${visible(schema ?? "")}`}
      submit={prompt ? "Register" : "Create"}
      size="lg"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!text || (!prompt && !name.trim())}
    >
      {prompt ? null : (
        <TextInput
          label="Name"
          description="Letters, digits, - and _."
          value={name}
          onChange={(e) => setName(e.currentTarget.value)}
          required
          data-autofocus
          autoComplete="off"
        />
      )}
      <SegmentedControl
        aria-label="Form of the template"
        size="xs"
        value={form}
        onChange={(value) => change(value as Form)}
        data={[
          { value: "text", label: "Text" },
          { value: "chat", label: "Chat messages" },
        ]}
      />
      <Textarea
        label="Template"
        description={
          form === "text"
            ? "Variables stand in {{ double braces }}."
            : "A JSON list of messages, each with a role and a content. Variables stand in {{ double braces }}."
        }
        value={text}
        onChange={(e) => setDraft({ form, text: e.currentTarget.value })}
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
        onChange={(e) => setComment(e.currentTarget.value)}
        autoComplete="off"
      />
    </Dialog>
  );
}

interface OfVersion {
  prompt: string;
  version: number;
  onClose: () => void;
}

export function SetPromptAlias({
  prompt,
  version: first,
  aliases,
  choices,
  onClose,
}: OfVersion & { aliases: Record<string, number>; choices: number[] }) {
  const [version, setVersion] = useState(first);
  const [alias, setAlias] = useState("");
  const name = alias.trim().replace(/^@/, "");
  const now = aliases[name];
  const guards = (useQuery(protectedAliases("prompt", prompt)).data ?? []).filter(
    (guard) => guard.alias === name,
  );
  const act = useAct(
    () => setPromptAlias(prompt, name, version),
    `@${name} now names version ${version}.`,
    onClose,
  );
  return (
    <Dialog
      title="Set alias"
      submit={now !== undefined && now !== version ? "Move alias" : "Set alias"}
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!name || now === version}
    >
      <TextInput
        label="Alias"
        description="Letters, digits, _ and -. Champion and champion are two."
        placeholder="production"
        value={alias}
        onChange={(e) => setAlias(e.currentTarget.value)}
        data-autofocus
        required
        autoComplete="off"
      />
      <Select
        label="Version"
        allowDeselect={false}
        value={String(version)}
        onChange={(value) => setVersion(Number(value ?? first))}
        data={choices.map((choice) => ({ value: String(choice), label: `Version ${choice}` }))}
      />
      {now !== undefined && now !== version ? (
        <Text size="sm" role="status">
          <b>@{visible(name)}</b> moves from version {now} to version {version}. Clients that load{" "}
          <Mono className="anywhere">
            prompts:/{visible(prompt)}@{visible(name)}
          </Mono>{" "}
          follow within 60 seconds.
        </Text>
      ) : null}
      {guards.map((guard) => (
        <Text size="sm" role="status" key={guard.securable_name}>
          <b>@{visible(name)}</b> is protected on {kindLabel(guard.securable_type)}{" "}
          {visible(guard.securable_name)}. Who may move it:{" "}
          {guard.principals.map(visible).join(", ") || "nobody"}.
        </Text>
      ))}
      {now === version ? (
        <Text size="sm" c="dimmed">
          @{name} names this version already.
        </Text>
      ) : null}
    </Dialog>
  );
}

export function EditMessage({
  prompt,
  version,
  message,
  onClose,
}: OfVersion & { message: string }) {
  const [text, setText] = useState(message);
  const act = useAct(
    () => updatePromptVersion(prompt, version, text),
    "Commit message saved.",
    onClose,
  );
  return (
    <Dialog
      title={`Edit the commit message of version ${version}`}
      submit="Save"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={text === message}
    >
      <Textarea
        label="Commit message"
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        autosize
        minRows={2}
        maxRows={8}
        data-autofocus
      />
    </Dialog>
  );
}

export function DeletePromptAlias({
  prompt,
  version,
  alias,
  onClose,
}: OfVersion & { alias: string }) {
  return (
    <ConfirmDelete
      title="Delete alias"
      what={
        <>
          Clients that load{" "}
          <Mono className="anywhere">
            prompts:/{visible(prompt)}@{visible(alias)}
          </Mono>{" "}
          get an error from then on. Version {version} stays.
        </>
      }
      act={() => deletePromptAlias(prompt, alias)}
      done={`@${visible(alias)} deleted.`}
      then={() => undefined}
      onClose={onClose}
    />
  );
}

export function DeletePromptVersion({
  prompt,
  version,
  aliases,
  onClose,
}: OfVersion & { aliases: string[] }) {
  const navigate = useNavigate();
  return (
    <ConfirmDelete
      title="Delete prompt version"
      typed={String(version)}
      what={
        <>
          You cannot undo this action. Version {version} of <b>{visible(prompt)}</b> is deleted, and
          its number is never used again.
          {aliases.length > 0 ? (
            <> So are its aliases: {aliases.map((alias) => `@${visible(alias)}`).join(", ")}.</>
          ) : null}
        </>
      }
      act={() => deletePromptVersion(prompt, version)}
      done={`Version ${version} deleted.`}
      then={() => void navigate(promptPath(prompt), { replace: true })}
      onClose={onClose}
    />
  );
}
