import { ActionIcon, Box, Group, Text, Textarea, Title } from "@mantine/core";
import { IconPencil, IconPlus } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

import { useAct } from "../ui/Act";
import { Action } from "../ui/Action";
import { Dialog } from "../ui/Dialog";
import { Loading } from "../ui/Loading";

const Markdown = lazy(() => import("../ui/Markdown"));

interface Props {
  comment: string;
  save: (comment: string) => Promise<unknown>;
  readOnly?: boolean;
  /** The server's reason why the caller may not change it. */
  refused?: string | undefined;
}

export function Description({ comment, save, readOnly, refused }: Props) {
  const [editing, setEditing] = useState(false);
  return (
    <Box component="section" aria-labelledby="description" mb="lg">
      <Group gap="xs" mb={6}>
        <Title order={2} size="h4" id="description">
          Description
        </Title>
        {!readOnly && !refused && comment ? (
          <ActionIcon variant="subtle" color="gray" aria-label="Edit description" onClick={() => setEditing(true)}>
            <IconPencil size={17} />
          </ActionIcon>
        ) : null}
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
            <Action refused={refused} size="xs" variant="default" leftSection={<IconPlus size={14} />} onClick={() => setEditing(true)}>
              Add
            </Action>
          )}
        </Group>
      )}
      {editing ? <Edit comment={comment} save={save} onClose={() => setEditing(false)} /> : null}
    </Box>
  );
}

function Edit({ comment, save, onClose }: Props & { onClose: () => void }) {
  const [text, setText] = useState(comment);
  const act = useAct(() => save(text), "Description saved.", onClose);
  return (
    <Dialog title={comment ? "Edit description" : "Add description"} submit="Save" size="lg" onClose={onClose} onSubmit={() => act.mutate()} busy={act.isPending} error={act.error} disabled={text === comment}>
      <Textarea label="Description" description="Markdown: headings, lists, tables, links, code." value={text} onChange={(e) => setText(e.currentTarget.value)} autosize minRows={8} maxRows={20} data-autofocus />
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
