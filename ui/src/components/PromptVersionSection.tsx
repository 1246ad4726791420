import { Badge, Button, Group, Text, Title } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { useDenialReason } from "../api/permissions";
import { promptVersion } from "../api/prompts";
import { DeleteVersion } from "../dialogs/DeleteVersion";
import { EditCommitMessage } from "../dialogs/EditCommitMessage";
import { securableOf } from "../lib/securables";
import { visible } from "../lib/text";
import { AliasBadge } from "../ui/AliasBadge";
import { CodeBlock } from "../ui/CodeBlock";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { TimeAgo } from "../ui/TimeAgo";
import { Detail } from "./Details";
import { PromptTemplate } from "./PromptTemplate";
import { TagsDetail } from "./TagsDetail";

/** A version of a prompt: its template, commit message, tags and settings. */
export function PromptVersionSection({ name, version }: { name: string; version: number }) {
  const securable = securableOf("PROMPT", name);
  const { data, error, isPending, refetch } = useQuery(promptVersion(name, version));
  const [dialog, setDialog] = useState<"delete" | "message" | null>(null);
  const close = () => setDialog(null);
  const denialReason = useDenialReason("prompt", name);
  if (isPending) return <LoadingSkeleton />;
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />;
  return (
    <section aria-label={`Version ${version}`}>
      <Group justify="space-between" mb="xs" mt="md">
        <Group gap="xs">
          <Title order={2} size="h4">
            Version {version}
          </Title>
          <Badge variant="default" tt="none">
            {data.type}
          </Badge>
          {data.aliases.map((alias) => (
            <AliasBadge key={alias} name={alias} />
          ))}
        </Group>
        {denialReason("delete_prompt_version") ? null : (
          <Button
            variant="default"
            size="xs"
            leftSection={<IconTrash size={15} />}
            onClick={() => setDialog("delete")}
          >
            Delete version
          </Button>
        )}
      </Group>
      <PromptTemplate version={data} />
      <dl className="details inline">
        <Detail
          term="Commit message"
          edit={denialReason("update_prompt_version") ? undefined : () => setDialog("message")}
          editLabel="Edit commit message"
        >
          {visible(data.comment) || (
            <Text span size="sm" c="dimmed">
              None
            </Text>
          )}
        </Detail>
        <TagsDetail
          securable={securable}
          version={version}
          tags={data.tags}
          denialReason={denialReason("change_prompt_version_tags")}
        />
        <Detail term="Registered">
          <TimeAgo at={data.created_at} /> by {visible(data.created_by)}
        </Detail>
      </dl>
      <JsonBlock title="Model configuration" text={data.model_config} />
      <JsonBlock title="Response format" text={data.response_format} />
      {dialog === "delete" ? (
        <DeleteVersion
          securable={securable}
          version={version}
          aliases={data.aliases}
          onClose={close}
        />
      ) : null}
      {dialog === "message" ? (
        <EditCommitMessage prompt={name} version={version} message={data.comment} onClose={close} />
      ) : null}
    </section>
  );
}

/** JSON with indents; an absent text shows nothing. */
function JsonBlock({ title, text }: { title: string; text: string }) {
  if (!text) return null;
  return (
    <>
      <Title order={3} size="h5" mt="md" mb={6}>
        {title}
      </Title>
      <CodeBlock label={title} text={JSON.stringify(JSON.parse(text), null, 2)} />
    </>
  );
}
