import { Combobox, InputBase, Loader, Text, useCombobox } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { search } from "../api/queries";
import { visible } from "../ui/text";

interface Props {
  label: string;
  value: string;
  onChange: (fullName: string, isNew: boolean) => void;
  exclude?: string;
}

const NEW = "new model ";
const FULL = /^[^./\s]+\.[^./\s]+\.[^./]+$/;

/** A registered model from a searchable list, or the full name of a new one. */
export function ModelPicker({ label, value, onChange, exclude }: Props) {
  const [text, setText] = useState(value);
  const [asked] = useDebouncedValue(text.trim(), 150);
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const found = useInfiniteQuery(search({ query: asked, kinds: "MODEL" }, 30));
  const names = (found.data?.pages[0]?.results ?? [])
    .map((one) => one.full_name)
    .filter((name) => name !== exclude);
  const fresh = FULL.test(asked) && !names.includes(asked.toLowerCase());
  // Whoever writes a name in full has chosen: the list is for those who look for one.
  const whole =
    !found.isFetching && asked === text.trim() && value === "" && FULL.test(asked) ? asked : "";
  useEffect(() => {
    if (whole) onChange(fresh ? whole : whole.toLowerCase(), fresh);
  }, [whole, fresh, onChange]);
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
            value && fresh
              ? "A new model of this name is made."
              : "Choose a model, or write catalog.schema.name for a new one."
          }
          placeholder="catalog.schema.model"
          required
          data-autofocus
          autoComplete="off"
          aria-autocomplete="list"
          value={text}
          rightSection={found.isFetching ? <Loader size={14} /> : <Combobox.Chevron />}
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
          {fresh ? (
            <Combobox.Option value={NEW + asked}>
              <Text size="sm" c="harbour" className="anywhere">
                Create new model {visible(asked)}
              </Text>
            </Combobox.Option>
          ) : null}
          {names.length === 0 && !fresh ? (
            <Combobox.Empty>
              No model of this name. Write catalog.schema.name to make one.
            </Combobox.Empty>
          ) : null}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
