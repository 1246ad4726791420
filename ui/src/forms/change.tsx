import { MultiSelect, Select, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";

import { remove, update } from "../api/acts";
import { pickable } from "../api/queries";
import { catalogPath, home, modelPath, promptPath, schemaPath } from "../paths";
import { useAct } from "../ui/Act";
import { Dialog } from "../ui/Dialog";
import { kindLabel } from "../ui/kinds";
import { lastPart, parent, visible } from "../ui/text";

export interface Thing {
  kind: "CATALOG" | "SCHEMA" | "MODEL" | "PROMPT";
  name: string;
}

const pathOf = ({ kind, name }: Thing) =>
  kind === "CATALOG"
    ? catalogPath(name)
    : kind === "SCHEMA"
      ? schemaPath(name)
      : kind === "PROMPT"
        ? promptPath(name)
        : modelPath(name);

export function Rename({ thing, onClose }: { thing: Thing; onClose: () => void }) {
  const [name, setName] = useState(lastPart(thing.name));
  const navigate = useNavigate();
  const act = useAct(
    () => update(thing.kind, thing.name, { new_name: name.trim() }),
    (done) => `Renamed to ${done.full_name}.`,
    (done) => {
      onClose();
      void navigate(pathOf({ ...thing, name: done.full_name }), { replace: true });
    },
  );
  return (
    <Dialog
      title={`Rename ${kindLabel(thing.kind)}`}
      submit="Rename"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!name.trim() || name === lastPart(thing.name)}
    >
      <TextInput
        label="New name"
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        data-autofocus
        required
        autoComplete="off"
      />
      <Text size="sm" c="dimmed">
        Grants, aliases, tags and files stay as they are. Whoever uses the old name in code has to
        change it.
      </Text>
    </Dialog>
  );
}

/** Users, groups and service principals whose name has the text in it: the server searches as somebody types. `chosen` are there anyway. */
function usePrincipals(text: string, chosen: string[]) {
  const [searched] = useDebouncedValue(text.trim(), 180);
  const { data } = useQuery(pickable(chosen.includes(searched) ? "" : searched));
  const names = (principals: { name: string }[] | undefined) =>
    (principals ?? []).map((principal) => principal.name);
  const groups = [
    { group: "Groups", items: names(data?.teams) },
    { group: "Users", items: names(data?.people) },
    { group: "Service principals", items: names(data?.robots) },
  ];
  // The chosen ones are always there: Mantine would write over what is typed when the list comes with them.
  return [
    ...chosen.filter((name) => !groups.some((group) => group.items.includes(name))),
    ...groups,
  ];
}

export function PrincipalsSelect(props: {
  label: string;
  description?: string;
  value: string[];
  onChange: (names: string[]) => void;
}) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  return (
    <MultiSelect
      {...props}
      // Closed by each choice: what it covers is the button that comes next.
      dropdownOpened={open}
      onDropdownOpen={() => setOpen(true)}
      onDropdownClose={() => setOpen(false)}
      onOptionSubmit={() => setOpen(false)}
      placeholder={
        props.value.length === 0 ? "Search users, groups and service principals" : undefined
      }
      searchable
      openOnFocus={false}
      limit={50}
      nothingFoundMessage="Nobody of this name"
      searchValue={text}
      onSearchChange={setText}
      data={usePrincipals(text, props.value)}
    />
  );
}

export function PrincipalSelect(props: {
  label: string;
  value: string | null;
  onChange: (name: string | null) => void;
  description?: string;
  focus?: boolean;
  optional?: boolean;
}) {
  const [text, setText] = useState(props.value ?? "");
  const data = usePrincipals(text, props.value ? [props.value] : []);
  return (
    <Select
      label={props.label}
      description={props.description}
      placeholder="Search users, groups and service principals"
      searchable
      openOnFocus={false}
      required={!props.optional}
      limit={50}
      data-autofocus={props.focus || undefined}
      value={props.value}
      onChange={props.onChange}
      nothingFoundMessage="Nobody of this name"
      searchValue={text}
      onSearchChange={setText}
      data={data}
    />
  );
}

export function Transfer({
  thing,
  owner,
  onClose,
}: {
  thing: Thing;
  owner: string;
  onClose: () => void;
}) {
  const [to, setTo] = useState<string | null>(null);
  const act = useAct(
    () => update(thing.kind, thing.name, { owner: to ?? "" }),
    `${visible(thing.name)} has a new owner.`,
    onClose,
  );
  return (
    <Dialog
      title="Transfer ownership"
      submit="Transfer"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!to || to === owner}
    >
      <Text size="sm">
        {visible(thing.name)} belongs to <b>{visible(owner)}</b>. To share the work on it, give it
        to a group. You may lose the right to change it.
      </Text>
      <PrincipalSelect label="New owner" value={to} onChange={setTo} focus />
    </Dialog>
  );
}

interface DeleteProps {
  /** What is typed to confirm. */
  typed?: string;
  title: string;
  what: React.ReactNode;
  act: () => Promise<unknown>;
  done: string;
  then: () => void;
  onClose: () => void;
  /** What the button says, where nothing is deleted. */
  submit?: string;
}

export function ConfirmDelete({
  typed,
  title,
  what,
  act,
  done,
  then,
  onClose,
  submit = "Delete",
}: DeleteProps) {
  const [text, setText] = useState("");
  const deleting = useAct(act, done, () => {
    onClose();
    then();
  });
  return (
    <Dialog
      title={title}
      submit={submit}
      danger
      onClose={onClose}
      onSubmit={() => deleting.mutate(undefined)}
      busy={deleting.isPending}
      error={deleting.error}
      disabled={typed !== undefined && text !== typed}
    >
      <Text size="sm" component="div">
        {what}
      </Text>
      {typed === undefined ? null : (
        <TextInput
          label={
            <>
              Type <b>{visible(typed)}</b> to confirm
            </>
          }
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
          data-autofocus
          autoComplete="off"
        />
      )}
    </Dialog>
  );
}

export function DeleteThing({ thing, onClose }: { thing: Thing; onClose: () => void }) {
  const navigate = useNavigate();
  const above = parent(thing.name);
  const lost =
    thing.kind === "MODEL"
      ? "All its versions, their files, aliases, tags and grants go with it."
      : thing.kind === "PROMPT"
        ? "All its versions, aliases, tags and grants go with it."
        : `Everything in it goes with it: ${thing.kind === "CATALOG" ? "schemas, " : ""}models, prompts, versions and files.`;
  return (
    <ConfirmDelete
      title={`Delete ${kindLabel(thing.kind)}`}
      typed={lastPart(thing.name)}
      what={
        <>
          You cannot undo this action. <b>{visible(thing.name)}</b> is deleted. {lost}
        </>
      }
      act={() => remove(thing.kind, thing.name, true)}
      done={`${visible(thing.name)} deleted.`}
      then={() =>
        void navigate(
          above === "" ? home : above.includes(".") ? schemaPath(above) : catalogPath(above),
          { replace: true },
        )
      }
      onClose={onClose}
    />
  );
}
