import { Anchor, Table } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

interface Props<Item> {
  left: Item;
  right: Item;
  /** Each row: its heading, and its cell for a version. */
  facts: [string, (version: Item) => ReactNode][];
  /** The address of a version's page. */
  path: (version: Item) => string;
}

/** The facts of two versions side by side. */
export function FactTable<Item extends { version: number }>(props: Props<Item>) {
  const { left, right, facts, path } = props;
  return (
    <div className="table" role="region" aria-label="About the versions" tabIndex={0}>
      <Table verticalSpacing={6} layout="fixed" miw={520} aria-label="About the versions">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>
              <span className="visually-hidden">Fact</span>
            </Table.Th>
            {[left, right].map((version) => (
              <Table.Th key={version.version}>
                <Anchor component={Link} to={path(version)}>
                  Version {version.version}
                </Anchor>
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {facts.map(([heading, cell]) => (
            <Table.Tr key={heading}>
              <Table.Td c="dimmed">{heading}</Table.Td>
              <Table.Td>{cell(left)}</Table.Td>
              <Table.Td>{cell(right)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
