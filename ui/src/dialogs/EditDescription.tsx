import { Box, Button, Group, Text, Textarea } from "@mantine/core";
import { IconSparkles } from "@tabler/icons-react";
import { type UseMutationResult, useMutation, useQuery } from "@tanstack/react-query";
import { Suspense, useEffect, useRef, useState } from "react";

import { ApiError } from "../api/client";
import { me } from "../api/me";
import type { DescriptionProps } from "../components/Description";
import { markInterrupted, useDraft } from "../lib/drafts";
import { lazyComponent } from "../lib/lazyComponent";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { ActionButton } from "../ui/ActionButton";
import { MutationDialog } from "../ui/Dialog";
import { ErrorAlert } from "../ui/ErrorAlert";
import { TextDiff } from "../ui/TextDiff";
import { WarningAlert } from "../ui/WarningAlert";

const Markdown = lazyComponent(() => import("../ui/Markdown"));

interface Props extends DescriptionProps {
  /** Asks the language model as soon as the dialog opens. */
  generateAtOnce: boolean;
  onClose: () => void;
}

export function EditDescription(props: Props) {
  const { draftName, comment, etag, save, reload, generate, generateAtOnce, onClose } = props;
  // The text that this edit started from. After a conflict: the text that somebody else saved.
  const [base, setBase] = useState({ comment, etag: etag ?? "" });
  const [savedText, setSavedText] = useState<string | null>(null);
  const { text, setText, restored, discard } = useDraft(draftName, comment);
  const generation = useMutation({
    mutationFn: async () => generate?.(),
    onSuccess: (generated) => generated && setText(generated.comment),
  });
  const started = useRef(!generateAtOnce);
  useEffect(() => {
    if (!started.current) generation.mutate();
    started.current = true;
  }, [generation]);
  const mutation = useMutationWithToast(
    async () => {
      try {
        await save(text, base.etag);
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) markInterrupted(draftName, text);
        if (error instanceof ApiError && error.status === 409) {
          const latest = await reload();
          setBase({ comment: latest.comment ?? "", etag: latest.etag ?? "" });
          setSavedText(latest.comment ?? "");
        }
        throw error;
      }
    },
    "Description saved.",
    () => {
      discard();
      onClose();
    },
  );
  const conflict = savedText !== null && savedText !== text;
  return (
    <MutationDialog
      title={comment ? "Edit description" : "Add description"}
      submit={conflict ? "Save mine" : "Save"}
      size="lg"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      error={conflict ? null : mutation.error}
      disabled={text === base.comment}
    >
      {restored ? (
        <Group gap="sm" role="status">
          <Text size="sm">This is your earlier text, which you have not saved.</Text>
          <Button size="compact-xs" variant="default" onClick={() => setText(comment)}>
            Start from the saved text
          </Button>
        </Group>
      ) : null}
      <Textarea
        label="Description"
        description="Markdown: headings, lists, tables, links, code."
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        autosize
        minRows={8}
        maxRows={20}
        data-autofocus
      />
      {conflict ? <ConflictNotice saved={savedText} text={text} setText={setText} /> : null}
      {generate ? <GenerateButton generation={generation} /> : null}
      {generation.error ? (
        <ErrorAlert error={generation.error} retry={() => generation.mutate()} />
      ) : null}
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
    </MutationDialog>
  );
}

interface ConflictProps {
  saved: string;
  text: string;
  setText: (text: string) => void;
}

/** Shows how the text differs from what somebody else saved in the meantime. */
function ConflictNotice({ saved, text, setText }: ConflictProps) {
  return (
    <WarningAlert role="alert" title="Somebody else has saved a description meanwhile">
      <Text size="sm" mb="xs">
        The changes from their text to yours. Save mine replaces their text.
      </Text>
      <TextDiff before={saved} after={text} />
      <Button mt="xs" size="xs" variant="default" onClick={() => setText(saved)}>
        Take theirs
      </Button>
    </WarningAlert>
  );
}

type Generation = UseMutationResult<{ comment: string } | undefined, Error, void>;

function GenerateButton({ generation }: { generation: Generation }) {
  const { data: user } = useQuery(me);
  return (
    <Group gap="sm">
      <ActionButton
        denialReason={user?.no_drafts || undefined}
        variant="default"
        size="xs"
        leftSection={<IconSparkles size={15} />}
        loading={generation.isPending}
        onClick={() => generation.mutate()}
      >
        AI generate
      </ActionButton>
      <Text size="xs" c="dimmed" role="status">
        {generation.isPending
          ? "The model is writing. This may take a minute."
          : generation.data
            ? "A draft from what the registry knows. Read it, correct it, then save it."
            : "Replaces the text above with a draft. Nothing is saved until you press Save."}
      </Text>
    </Group>
  );
}
