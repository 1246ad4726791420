import { Table, Text, Title } from "@mantine/core";

import { compareSides, type Side } from "../lib/compareVersions";
import { visible } from "../lib/text";

interface Props {
  title: string;
  left: Side;
  right: Side;
  onlyDiffering: boolean;
  /** The headings of the two columns. */
  headings: [string, string];
}

/** A section that compares texts of two versions by name. */
export function CompareTable({ title, left, right, onlyDiffering, headings }: Props) {
  const { rows, total, differing } = compareSides(left, right, onlyDiffering);
  const summary = differing === 0 ? "the same" : `${differing} of ${total} differ`;
  return (
    <section aria-label={title}>
      <Title order={2} size="h4" mt="lg" mb={6}>
        {title} <span className="count">{total === 0 ? "" : summary}</span>
      </Title>
      {rows.length === 0 ? (
        <Text size="sm" c="dimmed">
          {total === 0 ? "Neither has any." : "Nothing differs."}
        </Text>
      ) : (
        <div
          className="table"
          role="region"
          aria-label={`${title} by name`}
          tabIndex={0}
          style={{ maxHeight: 480 }}
        >
          <Table verticalSpacing={6} stickyHeader aria-label={title} layout="fixed" miw={520}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                {headings.map((heading) => (
                  <Table.Th key={heading}>{heading}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr key={row.name} className={row.differs ? "differs" : undefined}>
                  <Table.Td className="anywhere">{visible(row.name)}</Table.Td>
                  <ValueCell text={row.left} />
                  <ValueCell text={row.right} />
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}

function ValueCell({ text }: { text: string | undefined }) {
  return (
    <Table.Td className="mono">
      {text === undefined ? (
        <Text span size="sm" c="dimmed">
          absent
        </Text>
      ) : (
        visible(text)
      )}
    </Table.Td>
  );
}
