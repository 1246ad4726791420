import { ActionIcon, Box, Group, Text, Title } from "@mantine/core";
import { IconPencil, IconPlus, IconSparkles } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Suspense, useState } from "react";

import { me } from "../api/me";
import { EditDescription } from "../dialogs/EditDescription";
import { wasInterrupted } from "../lib/drafts";
import { lazyComponent } from "../lib/lazyComponent";
import { ActionButton } from "../ui/ActionButton";
import { LoadingSkeleton } from "../ui/Skeletons";

const Markdown = lazyComponent(() => import("../ui/Markdown"));

/** Where a description comes from, and how it is saved. */
export interface DescriptionSource {
  /** Fails with status 409 where the comment has another etag by now. */
  save: (comment: string, etag: string) => Promise<unknown>;
  /** Reads the comment as it is now. */
  reload: () => Promise<{ comment?: string; etag?: string | undefined }>;
  /** Asks a language model for a first text. */
  generate?: () => Promise<{ comment: string }>;
  readOnly?: boolean | undefined;
  denialReason: string | undefined;
}

export interface DescriptionProps extends DescriptionSource {
  /** Identifies the draft that the browser keeps. */
  draftName: string;
  comment: string;
  etag: string | undefined;
}

export function Description(props: DescriptionProps) {
  const { draftName, comment, generate, readOnly, denialReason } = props;
  const mayWrite = !readOnly && !denialReason;
  // Where a session ended during a save, the dialog opens again with the text.
  const [editing, setEditing] = useState<"write" | "generate" | null>(() =>
    wasInterrupted(draftName) ? "write" : null,
  );
  const { data: user } = useQuery(me);
  const generateButton =
    generate && !readOnly ? (
      <ActionButton
        denialReason={denialReason ?? (user?.no_drafts || undefined)}
        size="compact-sm"
        variant="default"
        leftSection={<IconSparkles size={15} />}
        onClick={() => setEditing("generate")}
      >
        AI generate
      </ActionButton>
    ) : null;
  return (
    <Box component="section" aria-labelledby="description" mb="lg">
      <Group gap="xs" mb={6}>
        <Title order={2} size="h4" id="description">
          Description
        </Title>
        {mayWrite && comment ? (
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label="Edit description"
            onClick={() => setEditing("write")}
          >
            <IconPencil size={17} />
          </ActionIcon>
        ) : null}
        {comment ? generateButton : null}
      </Group>
      {comment ? (
        <Suspense fallback={<LoadingSkeleton lines={2} />}>
          <Markdown text={comment} />
        </Suspense>
      ) : (
        <Group gap="sm">
          <Text size="sm" c="dimmed">
            What it is for, what it was trained on, what it must not be used for.
          </Text>
          {readOnly ? null : (
            <ActionButton
              denialReason={denialReason}
              size="compact-sm"
              variant="default"
              leftSection={<IconPlus size={14} />}
              onClick={() => setEditing("write")}
            >
              Add
            </ActionButton>
          )}
          {generateButton}
        </Group>
      )}
      {editing ? (
        <EditDescription
          {...props}
          generateAtOnce={editing === "generate"}
          onClose={() => setEditing(null)}
        />
      ) : null}
    </Box>
  );
}
