import { ActionIcon, Box, Group, Text, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { IconPencil, IconPlus, IconSparkles } from "@tabler/icons-react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";

import { me } from "../api/queries";
import { useAct } from "../ui/Act";
import { Action } from "../ui/Action";
import { Dialog } from "../ui/Dialog";
import { Failure } from "../ui/Failure";
import { Loading } from "../ui/Loading";

const Markdown = lazy(() => import("../ui/Markdown"));

interface Props {
  comment: string;
  save: (comment: string) => Promise<unknown>;
  /** Asks a language model for a text to begin with. */
  draft?: () => Promise<{ comment: string }>;
  readOnly?: boolean;
  /** The server's reason why the caller may not change it. */
  refused?: string | undefined;
}

export function Description({ comment, save, draft, readOnly, refused }: Props) {
  const [editing, setEditing] = useState<"write" | "draft" | null>(null);
  const { data: who } = useQuery(me);
  const generate = draft && !readOnly ? (
    <Action refused={refused ?? (who?.no_drafts || undefined)} size="compact-sm" variant="default" leftSection={<IconSparkles size={15} />} onClick={() => setEditing("draft")}>
      AI generate
    </Action>
  ) : null;
  return (
    <Box component="section" aria-labelledby="description" mb="lg">
      <Group gap="xs" mb={6}>
        <Title order={2} size="h4" id="description">
          Description
        </Title>
        {!readOnly && !refused && comment ? (
          <ActionIcon variant="subtle" color="gray" aria-label="Edit description" onClick={() => setEditing("write")}>
            <IconPencil size={17} />
          </ActionIcon>
        ) : null}
        {comment ? generate : null}
      </Group>
      {comment ? (
        <Suspense fallback={<Loading lines={2} />}>
          <Markdown text={comment} />
        </Suspense>
      ) : (
        <Group gap="sm">
          <Text size="sm" c="dimmed">
            What it is for, what it was trained on, what it must not be used for.
          </Text>
          {readOnly ? null : (
            <Action refused={refused} size="compact-sm" variant="default" leftSection={<IconPlus size={14} />} onClick={() => setEditing("write")}>
              Add
            </Action>
          )}
          {generate}
        </Group>
      )}
      {editing ? <Edit comment={comment} save={save} draft={draft} begin={editing === "draft"} onClose={() => setEditing(null)} /> : null}
    </Box>
  );
}

/** `begin`: with a draft that is asked for at once. */
function Edit({ comment, save, draft, begin, onClose }: Props & { begin: boolean; onClose: () => void }) {
  const [text, setText] = useState(comment);
  const { data: who } = useQuery(me);
  const drafting = useMutation({ mutationFn: async () => draft?.(), onSuccess: (made) => made && setText(made.comment) });
  const begun = useRef(!begin);
  useEffect(() => {
    if (!begun.current) drafting.mutate();
    begun.current = true;
  }, [drafting]);
  const act = useAct(() => save(text), "Description saved.", onClose);
  return (
    <Dialog title={comment ? "Edit description" : "Add description"} submit="Save" size="lg" onClose={onClose} onSubmit={() => act.mutate()} busy={act.isPending} error={act.error} disabled={text === comment}>
      <Textarea label="Description" description="Markdown: headings, lists, tables, links, code." value={text} onChange={(e) => setText(e.currentTarget.value)} autosize minRows={8} maxRows={20} data-autofocus />
      {draft ? (
        <Group gap="sm">
          <Action refused={who?.no_drafts || undefined} variant="default" size="xs" leftSection={<IconSparkles size={15} />} loading={drafting.isPending} onClick={() => drafting.mutate()}>
            AI generate
          </Action>
          <Text size="xs" c="dimmed" role="status">
            {drafting.isPending ? "Writing: this may take a minute." : drafting.data ? "A draft, made of what the registry knows. Read it, mend it, save it." : "Replaces the text above with a draft. Nothing is saved before you save it."}
          </Text>
        </Group>
      ) : null}
      {drafting.error ? <Failure error={drafting.error} retry={() => drafting.mutate()} /> : null}
      {text ? (
        <Box className="panel" p="sm" mah={240} style={{ overflowY: "auto" }} tabIndex={0} role="region" aria-label="Preview">
          <Suspense fallback={null}>
            <Markdown text={text} />
          </Suspense>
        </Box>
      ) : null}
    </Dialog>
  );
}
