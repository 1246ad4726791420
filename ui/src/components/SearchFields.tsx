import { Group, SegmentedControl, Select, SimpleGrid, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";

import type { useUrlFields } from "../lib/urlFields";

const KINDS = [
  { value: "", label: "All" },
  { value: "CATALOG", label: "Catalogs" },
  { value: "SCHEMA", label: "Schemas" },
  { value: "MODEL", label: "Models" },
  { value: "PROMPT", label: "Prompts" },
  { value: "TABLE", label: "Tables" },
  { value: "VOLUME", label: "Volumes" },
  { value: "FUNCTION", label: "Functions" },
];

const BEST = "best";
const ORDERS = [
  { value: BEST, label: "Best fit first" },
  { value: "updated", label: "Changed last first" },
];

/** The fields of the search page. */
export function SearchFields({ fields }: { fields: ReturnType<typeof useUrlFields> }) {
  const { get, set } = fields;
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 3 }} mb="sm">
        <TextInput
          label="Words"
          description="In names, descriptions, tags, owners, aliases"
          value={get("q")}
          onChange={(event) => set("q", event.currentTarget.value)}
          leftSection={<IconSearch size={16} />}
        />
        <TextInput
          label="Tag"
          description="key, or key:value"
          value={get("tag")}
          onChange={(event) => set("tag", event.currentTarget.value)}
        />
        <TextInput
          label="Owner"
          description="The exact name of a user or group"
          value={get("owner")}
          onChange={(event) => set("owner", event.currentTarget.value)}
        />
      </SimpleGrid>
      <Group mb="md" justify="space-between">
        <SegmentedControl
          aria-label="Kind"
          size="xs"
          value={get("kind")}
          onChange={(value) => set("kind", value)}
          data={KINDS}
        />
        <Select
          aria-label="Sort by"
          size="xs"
          w={180}
          allowDeselect={false}
          value={get("sort") || BEST}
          onChange={(value) => set("sort", value === "updated" ? "updated" : "")}
          data={ORDERS}
        />
      </Group>
    </>
  );
}
