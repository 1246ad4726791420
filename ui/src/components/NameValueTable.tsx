import { Badge, Table, Text, Title } from "@mantine/core";

import { visible } from "../lib/text";

interface Props {
  title: string;
  rows: [string, string][];
  emptyText: string;
}

/** A section with names and their values. */
export function NameValueTable({ title, rows, emptyText }: Props) {
  return (
    <section aria-label={title}>
      <Title order={2} size="h4" mt="lg" mb={6}>
        {title}{" "}
        {rows.length > 0 ? (
          <Badge variant="default" radius="sm" size="sm">
            {rows.length}
          </Badge>
        ) : null}
      </Title>
      {rows.length === 0 ? (
        <Text size="sm" c="dimmed">
          {emptyText}
        </Text>
      ) : (
        <div
          className="table"
          role="region"
          aria-label={`${title} by name`}
          tabIndex={0}
          style={{ maxHeight: 420 }}
        >
          <Table verticalSpacing={6} aria-label={title}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Value</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map(([name, value], index) => (
                <Table.Tr key={`${name}${index}`}>
                  <Table.Td className="anywhere" w="45%">
                    {visible(name)}
                  </Table.Td>
                  <Table.Td className="mono">{visible(value)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}
