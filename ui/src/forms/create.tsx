import { Textarea, TextInput } from "@mantine/core";
import { useNavigate } from "react-router";

import { createCatalog, createModel, createSchema } from "../api/acts";
import { catalogPath, modelPath, schemaPath } from "../paths";
import { useAct } from "../ui/Act";
import { Dialog } from "../ui/Dialog";
import { useDraft } from "../ui/draft";

interface Props {
  onClose: () => void;
}

/** `of`: what is created, for the text that the browser keeps until it is. */
function useNames(of: string) {
  const { text: name, setText: setName, drop: dropName } = useDraft(`name of new ${of}`, "");
  const {
    text: comment,
    setText: setComment,
    drop: dropComment,
  } = useDraft(`description of new ${of}`, "");
  const drop = () => {
    dropName();
    dropComment();
  };
  return {
    name: name.trim(),
    comment,
    drop,
    fields: (hint: string) => (
      <>
        <TextInput
          label="Name"
          description={hint}
          value={name}
          onChange={(e) => setName(e.currentTarget.value)}
          required
          data-autofocus
          autoComplete="off"
        />
        <Textarea
          label="Description"
          description="Markdown; shown on its page and found by search."
          value={comment}
          onChange={(e) => setComment(e.currentTarget.value)}
          autosize
          minRows={2}
          maxRows={8}
        />
      </>
    ),
  };
}

export function CreateCatalog({ onClose }: Props) {
  const { name, comment, drop, fields } = useNames("catalog");
  const navigate = useNavigate();
  const act = useAct(
    () => createCatalog(name, comment),
    (made) => `Catalog ${made.name} created.`,
    (made) => {
      drop();
      onClose();
      void navigate(catalogPath(made.name));
    },
  );
  return (
    <Dialog
      title="Create catalog"
      submit="Create"
      onClose={onClose}
      onCancel={drop}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!name}
    >
      {fields("Lower case in the registry. Often an environment: dev, staging, prod.")}
    </Dialog>
  );
}

export function CreateSchema({ catalog, onClose }: Props & { catalog: string }) {
  const { name, comment, drop, fields } = useNames(`schema in ${catalog}`);
  const navigate = useNavigate();
  const act = useAct(
    () => createSchema(catalog, name, comment),
    (made) => `Schema ${made.full_name} created.`,
    (made) => {
      drop();
      onClose();
      void navigate(schemaPath(made.full_name));
    },
  );
  return (
    <Dialog
      title={`Create schema in ${catalog}`}
      submit="Create"
      onClose={onClose}
      onCancel={drop}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!name}
    >
      {fields("Often a team or a project.")}
    </Dialog>
  );
}

export function CreateModel({ schema, onClose }: Props & { schema: string }) {
  const { name, comment, drop, fields } = useNames(`model in ${schema}`);
  const navigate = useNavigate();
  const act = useAct(
    () => createModel(schema, name, comment),
    (made) => `Model ${made.full_name} created.`,
    (made) => {
      drop();
      onClose();
      void navigate(modelPath(made.full_name));
    },
  );
  return (
    <Dialog
      title={`Create model in ${schema}`}
      submit="Create"
      onClose={onClose}
      onCancel={drop}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!name}
    >
      {fields("Clients load it as models:/" + schema + ".<name>/<version>.")}
    </Dialog>
  );
}
