import { Textarea } from "@mantine/core";
import { useNavigate } from "react-router";

import { createCatalog, createModel, createSchema } from "../api/mutations";
import { useDraftFields } from "../lib/drafts";
import { pathOfSecurable, type SecurableKind, securableOf } from "../lib/securables";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";
import { NameInput } from "../ui/NameInput";

interface Props {
  kind: SecurableKind;
  title: string;
  hint: string;
  toast: (fullName: string) => string;
  create: (name: string, comment: string) => Promise<{ full_name: string }>;
  onClose: () => void;
}

function CreateSecurable({ kind, title, hint, toast, create, onClose }: Props) {
  const { fields, setFields, discard } = useDraftFields(title, { name: "", comment: "" });
  const name = fields.name.trim();
  const navigate = useNavigate();
  const mutation = useMutationWithToast(
    () => create(name, fields.comment),
    (created) => toast(created.full_name),
    (created) => {
      discard();
      onClose();
      void navigate(pathOfSecurable(securableOf(kind, created.full_name)));
    },
  );
  return (
    <MutationDialog
      title={title}
      submit="Create"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={!name}
    >
      <NameInput
        description={hint}
        value={fields.name}
        onChange={(text) => setFields({ name: text })}
      />
      <Textarea
        label="Description"
        description="Markdown. Its page shows it, and search finds it."
        value={fields.comment}
        onChange={(event) => setFields({ comment: event.currentTarget.value })}
        autosize
        minRows={2}
        maxRows={8}
      />
    </MutationDialog>
  );
}

export const CreateCatalog = ({ onClose }: { onClose: () => void }) => (
  <CreateSecurable
    kind="CATALOG"
    title="Create catalog"
    hint="Lower case in the registry. Often an environment: dev, staging, prod."
    toast={(name) => `Catalog ${name} created.`}
    create={createCatalog}
    onClose={onClose}
  />
);

export const CreateSchema = ({ catalog, onClose }: { catalog: string; onClose: () => void }) => (
  <CreateSecurable
    kind="SCHEMA"
    title={`Create schema in ${catalog}`}
    hint="Often a team or a project."
    toast={(name) => `Schema ${name} created.`}
    create={(name, comment) => createSchema(catalog, name, comment)}
    onClose={onClose}
  />
);

export const CreateModel = ({ schema, onClose }: { schema: string; onClose: () => void }) => (
  <CreateSecurable
    kind="MODEL"
    title={`Create model in ${schema}`}
    hint={`Clients load it as models:/${schema}.<name>/<version>.`}
    toast={(name) => `Model ${name} created.`}
    create={(name, comment) => createModel(schema, name, comment)}
    onClose={onClose}
  />
);
