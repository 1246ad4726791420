import { Combobox, Group, Kbd, Loader, Text, TextInput, useCombobox } from "@mantine/core";
import { useDebouncedValue, useHotkeys, useOs } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useNavigate } from "react-router";

import { search } from "../api/search";
import { markdownSummary, visible } from "../lib/text";
import { searchPath, securablePath } from "../paths";
import { KindIcon, kindLabel } from "../ui/kinds";

const ALL = "all results";

/** Searches names, tags, descriptions, owners and aliases from every page. */
export function SearchBox() {
  const [text, setText] = useState("");
  const [query] = useDebouncedValue(text.trim(), 180);
  const input = useRef<HTMLInputElement>(null);
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const navigate = useNavigate();
  const searchQuery = useInfiniteQuery({ ...search({ query }, 8), enabled: query !== "" });
  const results = query === "" ? [] : (searchQuery.data?.pages[0]?.results ?? []);
  const mac = useOs() === "macos";
  useHotkeys([
    ["mod+K", () => input.current?.focus()],
    ["/", () => input.current?.focus()],
  ]);

  const open = (value: string) => {
    const [kind = "", name = ""] = value.split(" ", 2);
    const path =
      value === ALL
        ? searchPath(text.trim())
        : securablePath(kind, value.slice(kind.length + 1) || name);
    combobox.closeDropdown();
    input.current?.blur();
    if (path) void navigate(path);
  };

  return (
    <Combobox store={combobox} onOptionSubmit={open} shadow="md" withinPortal>
      <Combobox.Target withExpandedAttribute>
        <TextInput
          ref={input}
          className="search"
          maw={560}
          aria-label="Search catalogs, schemas and models"
          placeholder="Search names, tags, owners, aliases"
          aria-autocomplete="list"
          autoComplete="off"
          value={text}
          leftSection={
            searchQuery.isFetching && query ? <Loader size={14} /> : <IconSearch size={16} />
          }
          rightSection={
            <Kbd size="xs" visibleFrom="md">
              {mac ? "⌘K" : "/"}
            </Kbd>
          }
          rightSectionPointerEvents="none"
          onChange={(event) => {
            setText(event.currentTarget.value);
            if (event.currentTarget.value.trim()) combobox.openDropdown();
            else combobox.closeDropdown();
            combobox.updateSelectedOptionIndex();
          }}
          onFocus={() => (text ? combobox.openDropdown() : undefined)}
          onBlur={() => combobox.closeDropdown()}
          onKeyDown={(event) => {
            if (event.key === "Escape") combobox.closeDropdown();
            if (event.key === "Enter" && text.trim() && combobox.getSelectedOptionIndex() === -1)
              open(ALL);
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={query === ""}>
        <Combobox.Options mah={420} style={{ overflowY: "auto" }} aria-label="Found">
          {results.map((result) => (
            <Combobox.Option
              key={`${result.kind} ${result.full_name}`}
              value={`${result.kind} ${result.full_name}`}
            >
              <Group gap="sm" wrap="nowrap">
                <KindIcon kind={result.kind} />
                <div className="anywhere">
                  <Text size="sm" fw={550}>
                    {visible(result.full_name)}
                  </Text>
                  <Text size="xs" c="dimmed" lineClamp={1}>
                    {kindLabel(result.kind)}
                    {result.comment ? ` · ${markdownSummary(result.comment)}` : ""}
                  </Text>
                </div>
              </Group>
            </Combobox.Option>
          ))}
          {query && results.length === 0 && !searchQuery.isFetching ? (
            <Combobox.Empty>Nothing found for “{query}”.</Combobox.Empty>
          ) : null}
          {query ? (
            <Combobox.Option value={ALL}>
              <Text size="sm" c="harbour">
                See all results
              </Text>
            </Combobox.Option>
          ) : null}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
