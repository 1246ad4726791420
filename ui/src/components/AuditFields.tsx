import { Select, SimpleGrid, TextInput } from "@mantine/core";

import type { useUrlFields } from "../lib/urlFields";

const TEXT_FIELDS = [
  ["actor", "Who", "alice@example.com"],
  ["event", "Event", "model.* or alias.set"],
  ["name", "On", "prod.ml_team.churn"],
  ["source", "From address", "192.0.2.7"],
] as const;

/** The filters of the audit log. */
export function AuditFields({ fields }: { fields: ReturnType<typeof useUrlFields> }) {
  const { get, set } = fields;
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm" mb="md">
      {TEXT_FIELDS.map(([key, label, placeholder]) => (
        <TextInput
          key={key}
          label={label}
          placeholder={placeholder}
          value={get(key)}
          onChange={(event) => set(key, event.currentTarget.value)}
        />
      ))}
      <Select
        label="Outcome"
        clearable
        placeholder="Any"
        value={get("outcome") || null}
        onChange={(value) => set("outcome", value ?? "")}
        data={[
          { value: "ok", label: "ok" },
          { value: "refused", label: "refused" },
        ]}
      />
      <Select
        label="Show"
        allowDeselect={false}
        value={get("show") || "changes"}
        onChange={(value) => set("show", value === "all" ? "all" : "")}
        data={[
          { value: "changes", label: "Changes" },
          { value: "all", label: "Everything" },
        ]}
      />
      <TextInput
        label="From"
        type="date"
        value={get("since")}
        onChange={(event) => set("since", event.currentTarget.value)}
      />
      <TextInput
        label="To"
        type="date"
        value={get("until")}
        onChange={(event) => set("until", event.currentTarget.value)}
      />
    </SimpleGrid>
  );
}
