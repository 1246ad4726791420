import { Combobox, InputBase, Loader, Text, useCombobox } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { search } from "../api/search";
import { visible } from "../lib/text";

interface Props {
  label: string;
  value: string;
  onChange: (fullName: string, isNew: boolean) => void;
  exclude?: string;
}

const NEW = "new model ";
const FULL_NAME = /^[^./\s]+\.[^./\s]+\.[^./]+$/;

/** A registered model from a searchable list, or the full name of a new one. */
export function ModelPicker({ label, value, onChange, exclude }: Props) {
  const [text, setText] = useState(value);
  const [query] = useDebouncedValue(text.trim(), 150);
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const results = useInfiniteQuery(search({ query, kinds: "MODEL" }, 30));
  const names = (results.data?.pages[0]?.results ?? [])
    .map((result) => result.full_name)
    .filter((name) => name !== exclude);
  const isNewName = FULL_NAME.test(query) && !names.includes(query.toLowerCase());
  // A full name is a choice already. The list is for readers who look for a name.
  const typedName =
    !results.isFetching && query === text.trim() && value === "" && FULL_NAME.test(query)
      ? query
      : "";
  useEffect(() => {
    if (typedName) onChange(isNewName ? typedName : typedName.toLowerCase(), isNewName);
  }, [typedName, isNewName, onChange]);
  const choose = (option: string) => {
    const isNew = option.startsWith(NEW);
    const name = isNew ? option.slice(NEW.length) : option;
    setText(name);
    onChange(name, isNew);
    combobox.closeDropdown();
  };
  return (
    <Combobox store={combobox} onOptionSubmit={choose} shadow="md">
      <Combobox.Target withExpandedAttribute>
        <InputBase
          label={label}
          description={
            value && isNewName
              ? "This creates a new model."
              : "Choose a model, or write catalog.schema.name for a new one."
          }
          placeholder="catalog.schema.model"
          required
          data-autofocus
          autoComplete="off"
          aria-autocomplete="list"
          value={text}
          rightSection={results.isFetching ? <Loader size={14} /> : <Combobox.Chevron />}
          rightSectionPointerEvents="none"
          onClick={() => combobox.openDropdown()}
          onBlur={() => combobox.closeDropdown()}
          onChange={(event) => {
            setText(event.currentTarget.value);
            onChange("", false);
            combobox.openDropdown();
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Options mah={260} style={{ overflowY: "auto" }} aria-label="Models">
          {names.map((name) => (
            <Combobox.Option key={name} value={name}>
              <Text size="sm" className="anywhere">
                {visible(name)}
              </Text>
            </Combobox.Option>
          ))}
          {isNewName ? (
            <Combobox.Option value={NEW + query}>
              <Text size="sm" c="harbour" className="anywhere">
                Create new model {visible(query)}
              </Text>
            </Combobox.Option>
          ) : null}
          {names.length === 0 && !isNewName ? (
            <Combobox.Empty>
              No model of this name. Write catalog.schema.name to create one.
            </Combobox.Empty>
          ) : null}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
