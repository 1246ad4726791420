import { Badge, Table, Text, Title } from "@mantine/core";

import { type SignatureRow, signatureRows } from "../lib/signature";
import { visible } from "../lib/text";

function Part({ title, rows, omitted }: { title: string; rows: SignatureRow[]; omitted: number }) {
  if (rows.length + omitted === 0) return null;
  return (
    <>
      <Title order={3} size="h5" mt="sm" mb={6}>
        {title} <span className="count">{rows.length + omitted}</span>
      </Title>
      {omitted > 0 ? (
        <Text size="sm" c="dimmed" mb={6}>
          The first {rows.length} of {rows.length + omitted}. The MLmodel file has all of them.
        </Text>
      ) : null}
      <div
        className="table"
        role="region"
        aria-label={`${title} of the signature`}
        tabIndex={0}
        style={{ maxHeight: 420 }}
      >
        <Table verticalSpacing={6} aria-label={title} stickyHeader>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Name</Table.Th>
              <Table.Th>Type</Table.Th>
              <Table.Th w={150}>{title === "Parameters" ? "Default" : "Required"}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.name}>
                <Table.Td className="anywhere">{visible(row.name)}</Table.Td>
                <Table.Td className="mono">{visible(row.type)}</Table.Td>
                <Table.Td>
                  {row.default === undefined ? (
                    <Badge
                      variant="light"
                      color={row.required ? "harbour" : "gray"}
                      radius="sm"
                      tt="none"
                    >
                      {row.required ? "required" : "optional"}
                    </Badge>
                  ) : (
                    <span className="mono">{visible(row.default)}</span>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </>
  );
}

const omittedCount = (signature: Record<string, unknown>, part: string): number => {
  const counts = signature.left_out as Record<string, number> | undefined;
  return counts?.[part] ?? 0;
};

export function Signature({ signature }: { signature: Record<string, unknown> | null }) {
  return (
    <section aria-labelledby="signature">
      <Title order={2} size="h4" id="signature">
        Signature
      </Title>
      {signature === null ? (
        <Text size="sm" c="dimmed" mt={4}>
          None. Log the model with input_example= or signature= to describe its inputs and outputs.
        </Text>
      ) : (
        <>
          <Part
            title="Inputs"
            rows={signatureRows(signature.inputs)}
            omitted={omittedCount(signature, "inputs")}
          />
          <Part
            title="Outputs"
            rows={signatureRows(signature.outputs)}
            omitted={omittedCount(signature, "outputs")}
          />
          <Part
            title="Parameters"
            rows={signatureRows(signature.params)}
            omitted={omittedCount(signature, "params")}
          />
        </>
      )}
    </section>
  );
}
