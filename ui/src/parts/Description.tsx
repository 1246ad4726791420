import { ActionIcon, Alert, Box, Button, Group, Text, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { IconAlertTriangle, IconPencil, IconPlus, IconSparkles } from "@tabler/icons-react";
import { Suspense, useEffect, useRef, useState } from "react";

import { ApiError } from "../api/client";
import { me } from "../api/queries";
import { useAct } from "../ui/Act";
import { Action } from "../ui/Action";
import { Dialog } from "../ui/Dialog";
import { Diff } from "../ui/Diff";
import { isCut, markCut, useDraft } from "../ui/draft";
import { Failure } from "../ui/Failure";
import { Loading } from "../ui/Loading";
import { lazyPart } from "../ui/part";

const Markdown = lazyPart(() => import("../ui/Markdown"));

interface Commented {
  comment: string;
  etag?: string | undefined;
}

interface Props {
  /** What it describes: a name for the draft that the browser keeps. */
  of: string;
  comment: string;
  /** Of the comment that shows. */
  etag: string | undefined;
  /** Refused where the comment has another etag by now. */
  save: (comment: string, etag: string) => Promise<unknown>;
  /** The comment as it is now. */
  fresh: () => Promise<Commented>;
  /** Asks a language model for a text to begin with. */
  draft?: () => Promise<{ comment: string }>;
  readOnly?: boolean;
  /** The server's reason why the caller may not change it. */
  refused?: string | undefined;
}

export function Description(props: Props) {
  const { of, comment, draft, readOnly, refused } = props;
  const mayWrite = !readOnly && !refused;
  // A save that was cut off by the end of the session: back from signing in, the text is here again.
  const [editing, setEditing] = useState<"write" | "draft" | null>(() =>
    isCut(of) ? "write" : null,
  );
  const { data: who } = useQuery(me);
  const generate =
    draft && !readOnly ? (
      <Action
        refused={refused ?? (who?.no_drafts || undefined)}
        size="compact-sm"
        variant="default"
        leftSection={<IconSparkles size={15} />}
        onClick={() => setEditing("draft")}
      >
        AI generate
      </Action>
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
            <Action
              refused={refused}
              size="compact-sm"
              variant="default"
              leftSection={<IconPlus size={14} />}
              onClick={() => setEditing("write")}
            >
              Add
            </Action>
          )}
          {generate}
        </Group>
      )}
      {editing ? (
        <Edit {...props} begin={editing === "draft"} onClose={() => setEditing(null)} />
      ) : null}
    </Box>
  );
}

/** `begin`: with a draft that is asked for at once. */
function Edit({
  of,
  comment,
  etag,
  save,
  fresh,
  draft,
  begin,
  onClose,
}: Props & { begin: boolean; onClose: () => void }) {
  // What the text began from; after a clash, what somebody else has saved meanwhile.
  const [base, setBase] = useState({ comment, etag: etag ?? "" });
  const [theirs, setTheirs] = useState<string | null>(null);
  const { text, setText, restored, drop } = useDraft(of, comment);
  const { data: who } = useQuery(me);
  const drafting = useMutation({
    mutationFn: async () => draft?.(),
    onSuccess: (made) => made && setText(made.comment),
  });
  const begun = useRef(!begin);
  useEffect(() => {
    if (!begun.current) drafting.mutate();
    begun.current = true;
  }, [drafting]);
  const act = useAct(
    async () => {
      try {
        await save(text, base.etag);
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) markCut(of, text);
        if (error instanceof ApiError && error.status === 409) {
          const now = await fresh();
          setBase({ comment: now.comment, etag: now.etag ?? "" });
          setTheirs(now.comment);
        }
        throw error;
      }
    },
    "Description saved.",
    () => {
      drop();
      onClose();
    },
  );
  const clash = theirs !== null && theirs !== text;
  return (
    <Dialog
      title={comment ? "Edit description" : "Add description"}
      submit={clash ? "Save mine" : "Save"}
      size="lg"
      onClose={onClose}
      onCancel={drop}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={clash ? null : act.error}
      disabled={text === base.comment}
    >
      {restored ? (
        <Group gap="sm" role="status">
          <Text size="sm">This is what you typed before and have not saved.</Text>
          <Button size="compact-xs" variant="default" onClick={() => setText(comment)}>
            Begin from the saved text
          </Button>
        </Group>
      ) : null}
      <Textarea
        label="Description"
        description="Markdown: headings, lists, tables, links, code."
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        autosize
        minRows={8}
        maxRows={20}
        data-autofocus
      />
      {clash ? (
        <Alert
          role="alert"
          color="yellow"
          variant="light"
          className="warning"
          icon={<IconAlertTriangle size={20} />}
          title="Somebody else has saved a description meanwhile"
        >
          <Text size="sm" mb="xs">
            From theirs to yours. Save mine replaces their text.
          </Text>
          <Diff before={theirs} after={text} />
          <Button mt="xs" size="xs" variant="default" onClick={() => setText(theirs)}>
            Take theirs
          </Button>
        </Alert>
      ) : null}
      {draft ? (
        <Group gap="sm">
          <Action
            refused={who?.no_drafts || undefined}
            variant="default"
            size="xs"
            leftSection={<IconSparkles size={15} />}
            loading={drafting.isPending}
            onClick={() => drafting.mutate()}
          >
            AI generate
          </Action>
          <Text size="xs" c="dimmed" role="status">
            {drafting.isPending
              ? "Writing: this may take a minute."
              : drafting.data
                ? "A draft, made of what the registry knows. Read it, mend it, save it."
                : "Replaces the text above with a draft. Nothing is saved before you save it."}
          </Text>
        </Group>
      ) : null}
      {drafting.error ? <Failure error={drafting.error} retry={() => drafting.mutate()} /> : null}
      {text ? (
        <Box
          className="panel"
          p="sm"
          mah={240}
          style={{ overflowY: "auto" }}
          tabIndex={0}
          role="region"
          aria-label="Preview"
        >
          <Suspense fallback={null}>
            <Markdown text={text} />
          </Suspense>
        </Box>
      ) : null}
    </Dialog>
  );
}
