import { Alert, Checkbox, Code as Mono, List, Select, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useState } from "react";
import { useNavigate } from "react-router";

import { copyVersion, deleteAlias, deleteVersion, setAlias } from "../api/acts";
import { FAILED, PENDING, protectedAliases, READY, version as versionQuery } from "../api/queries";
import { Refusal } from "../parts/AskAccess";
import { modelPath, versionPath } from "../paths";
import { useAct } from "../ui/Act";
import { Dialog } from "../ui/Dialog";
import { signatureChanges } from "../ui/signature";
import { parent, visible } from "../ui/text";
import { kindLabel } from "../ui/kinds";
import { ConfirmDelete } from "./change";
import { ModelPicker } from "./ModelPicker";

interface OfVersion {
  model: string;
  version: number;
  onClose: () => void;
}

/** Copies within the registry: the files are shared, so it costs the same whatever their size. */
export function CopyVersion({ model, version, onClose }: OfVersion) {
  const [destination, setDestination] = useState("");
  const [isNew, setIsNew] = useState(false);
  const navigate = useNavigate();
  const act = useAct(
    () => copyVersion(model, version, destination),
    (made) => `Copied to ${made.full_name}, version ${made.version}.`,
    (made) => {
      onClose();
      void navigate(versionPath(made.full_name, made.version));
    },
  );
  const to = isNew
    ? ({
        on: { type: "schema", kind: "SCHEMA", name: parent(destination) },
        operation: "create_model",
      } as const)
    : ({
        on: { type: "function", kind: "MODEL", name: destination },
        operation: "copy_version",
        field: "destination",
      } as const);
  const refusal = <Refusal error={act.error} {...to} />;
  return (
    <Dialog
      title="Copy model version"
      submit="Copy"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!destination}
      refusal={refusal}
    >
      <Text size="sm">
        Version {version} of <b>{visible(model)}</b> becomes a new version of the destination, with
        its files, description and tags. Aliases stay where they are.
      </Text>
      <ModelPicker
        label="Destination model"
        value={destination}
        onChange={(name, fresh) => {
          setDestination(name);
          setIsNew(fresh);
        }}
      />
    </Dialog>
  );
}

/** `choices`: where another version than this one may be meant. */
export function SetAlias({
  model,
  version: first,
  aliases,
  choices,
  onClose,
}: OfVersion & { aliases: { alias_name: string; version_num: number }[]; choices?: number[] }) {
  const [version, setVersion] = useState(first);
  const [alias, setAliasName] = useState("");
  const name = alias.trim().replace(/^@/, "");
  const now = aliases.find((one) => one.alias_name === name)?.version_num;
  const moves = now !== undefined && now !== version;
  const guards = (useQuery(protectedAliases("function", model)).data ?? []).filter(
    (one) => one.alias === name,
  );
  const target = useQuery(versionQuery(model, String(version))).data;
  const status = target?.status ?? READY;
  const [confirmed, setConfirmed] = useState<number | null>(null); // the version that somebody means although it is not ready
  const sure = confirmed === version;
  const act = useAct(
    () => setAlias(model, name, version),
    `@${name} now names version ${version}.`,
    onClose,
  );
  return (
    <Dialog
      title={choices ? "Set alias" : `Set an alias of version ${version}`}
      submit={moves ? "Move alias" : "Set alias"}
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!name || now === version || status === FAILED || (status === PENDING && !sure)}
    >
      <TextInput
        label="Alias"
        description="Letters, digits, _ and -. Champion and champion are two."
        placeholder="Champion"
        value={alias}
        onChange={(e) => setAliasName(e.currentTarget.value)}
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
      {status === FAILED ? (
        <Alert
          color="red"
          variant="light"
          className="warning"
          icon={<IconAlertTriangle size={20} />}
          title={`Version ${version} could not be registered`}
        >
          Nobody can load it, so no alias can name it. {target?.status_message}
        </Alert>
      ) : null}
      {status === PENDING ? (
        <Alert
          color="yellow"
          variant="light"
          className="warning"
          icon={<IconAlertTriangle size={20} />}
          title={`Version ${version} is not ready`}
        >
          <Text size="sm" mb="xs">
            It is still being registered, and loading it by the alias fails until then. If
            registration fails, it fails for good.
          </Text>
          <Checkbox
            label="Set the alias all the same"
            checked={sure}
            onChange={(event) => setConfirmed(event.currentTarget.checked ? version : null)}
          />
        </Alert>
      ) : null}
      {moves ? <MoveWarning model={model} alias={name} from={now} to={version} /> : null}
      {guards.map((one) => (
        <Text size="sm" role="status" key={one.securable_name}>
          <b>@{visible(name)}</b> is protected on {kindLabel(one.securable_type)}{" "}
          {visible(one.securable_name)}. Who may move it:{" "}
          {one.principals.map(visible).join(", ") || "nobody"}.
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

function MoveWarning({
  model,
  alias,
  from,
  to,
}: {
  model: string;
  alias: string;
  from: number;
  to: number;
}) {
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
          <Mono className="anywhere">
            models:/{visible(model)}@{visible(alias)}
          </Mono>
        </List.Item>
      </List>
      {changes.length > 0 ? (
        <Alert
          mt="sm"
          color="yellow"
          variant="light"
          className="warning"
          icon={<IconAlertTriangle size={20} />}
          title="The signature is another one"
        >
          <List size="sm" aria-label="Changes of the signature">
            {changes.map((change) => (
              <List.Item key={change} className="anywhere">
                {visible(change)}
              </List.Item>
            ))}
          </List>
        </Alert>
      ) : null}
    </Text>
  );
}

export function DeleteAlias({ model, version, alias, onClose }: OfVersion & { alias: string }) {
  return (
    <ConfirmDelete
      title="Delete alias"
      what={
        <>
          Whoever loads{" "}
          <Mono className="anywhere">
            models:/{visible(model)}@{visible(alias)}
          </Mono>{" "}
          gets an error from then on. Version {version} stays.
        </>
      }
      act={() => deleteAlias(model, alias)}
      done={`@${visible(alias)} deleted.`}
      then={() => undefined}
      onClose={onClose}
    />
  );
}

export function DeleteVersion({
  model,
  version,
  aliases,
  onClose,
}: OfVersion & { aliases: string[] }) {
  const navigate = useNavigate();
  return (
    <ConfirmDelete
      title="Delete model version"
      typed={String(version)}
      what={
        <>
          You cannot undo this action. Version {version} of <b>{visible(model)}</b> is deleted, with
          its files where no copy refers to them.
          {aliases.length > 0 ? (
            <> So are its aliases: {aliases.map((alias) => `@${visible(alias)}`).join(", ")}.</>
          ) : null}
        </>
      }
      act={() => deleteVersion(model, version)}
      done={`Version ${version} deleted.`}
      then={() => void navigate(modelPath(model), { replace: true })}
      onClose={onClose}
    />
  );
}
