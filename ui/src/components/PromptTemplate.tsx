import { Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { messagesOf, type PromptVersion, VARIABLE } from "../api/prompts";
import { escapeBidi } from "../lib/text";
import { CopyButton } from "../ui/CodeBlock";

/** The text with its variables marked. */
function withVariables(text: string): ReactNode[] {
  const pieces: ReactNode[] = [];
  let end = 0;
  for (const match of text.matchAll(VARIABLE)) {
    pieces.push(escapeBidi(text.slice(end, match.index)));
    pieces.push(
      <mark key={match.index} className="variable">
        {match[0]}
      </mark>,
    );
    end = match.index + match[0].length;
  }
  pieces.push(escapeBidi(text.slice(end)));
  return pieces;
}

function Block({ label, text }: { label: string; text: string }) {
  return (
    <div className="code">
      <pre className="template" tabIndex={0} role="region" aria-label={label}>
        {text === "" ? (
          <Text span size="sm" c="dimmed">
            empty
          </Text>
        ) : (
          withVariables(text)
        )}
      </pre>
      <CopyButton text={text} label={`Copy: ${label}`} />
    </div>
  );
}

/** The template of a version: one text, or the messages of a chat, each under its role. */
export function PromptTemplate({ version }: { version: PromptVersion }) {
  const template = messagesOf(version);
  if (typeof template === "string")
    return <Block label={`Template of version ${version.version}`} text={template} />;
  return (
    <Stack gap="sm" component="ol" className="messages">
      {template.map(({ role, content }, index) => (
        <li key={`${role} ${index}`}>
          <Text size="xs" fw={600} tt="uppercase" mb={4}>
            {escapeBidi(role)}
          </Text>
          <Block label={`Message ${index + 1}, ${role}`} text={content} />
        </li>
      ))}
    </Stack>
  );
}
