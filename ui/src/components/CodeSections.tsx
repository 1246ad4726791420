import { Stack, Text, Title } from "@mantine/core";

import { CodeBlock } from "../ui/CodeBlock";

interface Props {
  introduction: string;
  /** [title, code] of each section */
  sections: readonly (readonly [string, string])[];
}

/** Code to paste, each piece under its title. */
export function CodeSections({ introduction, sections }: Props) {
  return (
    <Stack maw={820}>
      <Text size="sm">{introduction}</Text>
      {sections.map(([title, text]) => (
        <div key={title}>
          <Title order={2} size="h5" mb={6}>
            {title}
          </Title>
          <CodeBlock text={text} label={title} />
        </div>
      ))}
    </Stack>
  );
}
