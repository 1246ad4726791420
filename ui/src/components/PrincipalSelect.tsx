import { MultiSelect, Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { principalChoices } from "../api/principals";

/** The principals whose names have the text in them, from a search while somebody types. `chosen` are always among them. */
export function usePrincipalOptions(text: string, chosen: string[]) {
  const [searched] = useDebouncedValue(text.trim(), 180);
  const { data } = useQuery(principalChoices(chosen.includes(searched) ? "" : searched));
  const names = (principals: { name: string }[] | undefined) =>
    (principals ?? []).map((principal) => principal.name);
  const groups = [
    { group: "Groups", items: names(data?.groups) },
    { group: "Users", items: names(data?.users) },
    { group: "Service principals", items: names(data?.servicePrincipals) },
  ];
  // Without the chosen principals in the list, Mantine would overwrite the typed text when a new list arrives.
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
      // Each choice closes the list, which would cover the next button.
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
      data={usePrincipalOptions(text, props.value)}
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
  const data = usePrincipalOptions(text, props.value ? [props.value] : []);
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
