import { Alert, Checkbox, Code, List, Select, Text, TextInput } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { protectedAliases } from "../api/access";
import { setAlias } from "../api/mutations";
import { setPromptAlias } from "../api/prompts";
import type { Version } from "../api/versions";
import { FAILED, PENDING, READY, version as versionQuery } from "../api/versions";
import { aliasName } from "../lib/aliases";
import { useDraft } from "../lib/drafts";
import type { AliasTarget } from "../lib/loadTarget";
import type { Securable } from "../lib/securables";
import { signatureChanges } from "../lib/signature";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";
import { kindLabel } from "../ui/kinds";
import { WarningAlert } from "../ui/WarningAlert";

interface Props {
  /** A model or a prompt. */
  securable: Securable;
  version: number;
  aliases: AliasTarget[];
  /** The versions to choose from. Without them, the alias names `version`. */
  choices?: number[] | undefined;
  onClose: () => void;
}

/** Sets an alias of a model or prompt, or moves it to another version. */
export function SetAlias({ securable, version: first, aliases, choices, onClose }: Props) {
  const { name: fullName } = securable;
  const isPrompt = securable.kind === "PROMPT";
  const [version, setVersion] = useState(first);
  const { text, setText, discard } = useDraft(`alias of ${securable.kind} ${fullName}`, "");
  const alias = aliasName(text);
  const current = aliases.find((target) => target.alias_name === alias)?.version_num;
  const moves = current !== undefined && current !== version;
  const target = useQuery({ ...versionQuery(fullName, String(version)), enabled: !isPrompt }).data;
  const status = target?.status ?? READY;
  const [confirmedVersion, setConfirmedVersion] = useState<number | null>(null);
  const isConfirmed = confirmedVersion === version;
  const mutation = useMutationWithToast<void, unknown>(
    () => (isPrompt ? setPromptAlias : setAlias)(fullName, alias, version),
    `@${alias} now names version ${version}.`,
    () => {
      discard();
      onClose();
    },
  );
  const blocked = status === FAILED || (status === PENDING && !isConfirmed);
  return (
    <MutationDialog
      title={choices ? "Set alias" : `Set an alias of version ${version}`}
      submit={moves ? "Move alias" : "Set alias"}
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={!alias || current === version || blocked}
    >
      <TextInput
        label="Alias"
        description="Letters, digits, _ and -. Champion and champion are two aliases."
        placeholder={isPrompt ? "production" : "Champion"}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        data-autofocus
        required
        autoComplete="off"
      />
      {choices ? (
        <Select
          label="Version"
          allowDeselect={false}
          value={String(version)}
          onChange={(value) => setVersion(Number(value ?? first))}
          data={choices.map((choice) => ({ value: String(choice), label: `Version ${choice}` }))}
        />
      ) : null}
      {target ? (
        <StatusWarning
          version={target}
          isConfirmed={isConfirmed}
          onConfirm={(confirmed) => setConfirmedVersion(confirmed ? version : null)}
        />
      ) : null}
      {moves && isPrompt ? (
        <Text size="sm" role="status">
          <b>@{visible(alias)}</b> moves from version {current} to version {version}. Clients that
          load{" "}
          <Code className="anywhere">
            prompts:/{visible(fullName)}@{visible(alias)}
          </Code>{" "}
          follow within 60 seconds.
        </Text>
      ) : null}
      {moves && !isPrompt ? (
        <MoveWarning model={fullName} alias={alias} from={current} to={version} />
      ) : null}
      <ProtectionNotice securable={securable} alias={alias} />
      {current === version ? (
        <Text size="sm" c="dimmed">
          @{alias} names this version already.
        </Text>
      ) : null}
    </MutationDialog>
  );
}

interface StatusProps {
  version: Version;
  isConfirmed: boolean;
  onConfirm: (confirmed: boolean) => void;
}

/** Says that nobody can load a version that is not ready. */
function StatusWarning({ version, isConfirmed, onConfirm }: StatusProps) {
  if (version.status === FAILED)
    return (
      <Alert
        color="red"
        variant="light"
        className="warning"
        icon={<IconAlertTriangle size={20} />}
        title={`Version ${version.version} could not be registered`}
      >
        Nobody can load it, so no alias can name it. {version.status_message}
      </Alert>
    );
  if (version.status !== PENDING) return null;
  return (
    <WarningAlert title={`Version ${version.version} is not ready`}>
      <Text size="sm" mb="xs">
        Its registration has not finished. Loading it by the alias fails until then, and for good if
        the registration fails.
      </Text>
      <Checkbox
        label="Set the alias anyway"
        checked={isConfirmed}
        onChange={(event) => onConfirm(event.currentTarget.checked)}
      />
    </WarningAlert>
  );
}

/** Says who may move a protected alias. */
function ProtectionNotice({ securable, alias }: { securable: Securable; alias: string }) {
  const { data = [] } = useQuery(protectedAliases(securable.type, securable.name));
  return data
    .filter((rule) => rule.alias === alias)
    .map((rule) => (
      <Text size="sm" role="status" key={rule.securable_name}>
        <b>@{visible(alias)}</b> is protected on {kindLabel(rule.securable_type)}{" "}
        {visible(rule.securable_name)}. Who may move it:{" "}
        {rule.principals.map(visible).join(", ") || "nobody"}.
      </Text>
    ));
}

interface MoveProps {
  model: string;
  alias: string;
  from: number;
  to: number;
}

/** Says what a move changes for clients of the alias. */
function MoveWarning({ model, alias, from, to }: MoveProps) {
  const before = useQuery(versionQuery(model, String(from))).data;
  const after = useQuery(versionQuery(model, String(to))).data;
  const changes =
    before?.status === READY && after?.status === READY
      ? signatureChanges(before.signature, after.signature)
      : [];
  return (
    <Text size="sm" role="status" component="div">
      <b>@{visible(alias)}</b> moves from version {from} to version {to}. From then on, this loads
      version {to}:
      <List size="sm" mt={4}>
        <List.Item>
          <Code className="anywhere">
            models:/{visible(model)}@{visible(alias)}
          </Code>
        </List.Item>
      </List>
      {changes.length > 0 ? (
        <WarningAlert mt="sm" title="The versions have different signatures">
          <List size="sm" aria-label="Changes of the signature">
            {changes.map((change) => (
              <List.Item key={change} className="anywhere">
                {visible(change)}
              </List.Item>
            ))}
          </List>
        </WarningAlert>
      ) : null}
    </Text>
  );
}
