import { Button } from "@mantine/core";
import { IconPlus, IconUpload } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams } from "react-router";

import { updateSecurable } from "../api/mutations";
import { useDenialReason } from "../api/permissions";
import { type SchemaInfo, schema as schemaQuery, tags as tagsQuery } from "../api/securables";
import { ModelTable } from "../components/ModelTable";
import { ObjectTable } from "../components/ObjectTable";
import { PromptTable } from "../components/PromptTable";
import { QueryPage } from "../components/QueryPage";
import { SecurablePage } from "../components/SecurablePage";
import { CreateModel } from "../dialogs/CreateSecurable";
import { RegisterModel } from "../dialogs/RegisterModel";
import { RegisterPrompt } from "../dialogs/RegisterPrompt";
import { catalogCrumbs } from "../lib/crumbs";
import { securableOf } from "../lib/securables";
import { leafName } from "../lib/text";
import { ActionButton } from "../ui/ActionButton";

export default function Schema() {
  const { catalog = "", schema: leaf = "" } = useParams();
  const name = `${catalog}.${leaf}`;
  const query = useQuery(schemaQuery(name));
  return (
    <QueryPage
      query={query}
      securable={securableOf("SCHEMA", name)}
      title={leaf}
      kind="Schema"
      crumbs={catalogCrumbs(catalog)}
    >
      {(schema) => <SchemaPage name={name} catalog={catalog} schema={schema} />}
    </QueryPage>
  );
}

interface Props {
  name: string;
  catalog: string;
  schema: SchemaInfo;
}

function SchemaPage({ name, catalog, schema }: Props) {
  const tags = useQuery({ ...tagsQuery("schemas", name), enabled: !schema.browse_only });
  const [dialog, setDialog] = useState<"model" | "register" | "prompt" | null>(null);
  const close = () => setDialog(null);
  const denialReason = useDenialReason("schema", name, schema.owner);
  const client = useQueryClient();
  return (
    <SecurablePage
      securable={securableOf("SCHEMA", name)}
      info={schema}
      title={leafName(schema.full_name)}
      crumbs={catalogCrumbs(catalog)}
      tags={tags.data ?? []}
      description={{
        reload: () => client.fetchQuery({ ...schemaQuery(name), staleTime: 0 }),
        save: (comment, etag) => updateSecurable("SCHEMA", name, { comment, etag }),
        denialReason: denialReason("update_comment"),
      }}
      content={
        <>
          <ModelTable schema={name} create={() => setDialog("model")} />
          <PromptTable schema={name} />
          <ObjectTable kind="TABLE" schema={name} />
          <ObjectTable kind="VOLUME" schema={name} />
          <ObjectTable kind="FUNCTION" schema={name} />
        </>
      }
      actions={
        <>
          <Button
            variant="default"
            leftSection={<IconUpload size={16} />}
            onClick={() => setDialog("register")}
          >
            Register model
          </Button>
          <ActionButton
            denialReason={denialReason("create_prompt")}
            variant="default"
            leftSection={<IconPlus size={16} />}
            onClick={() => setDialog("prompt")}
          >
            Create prompt
          </ActionButton>
          <ActionButton
            denialReason={denialReason("create_model")}
            leftSection={<IconPlus size={16} />}
            onClick={() => setDialog("model")}
          >
            Create model
          </ActionButton>
        </>
      }
    >
      {dialog === "model" ? <CreateModel schema={name} onClose={close} /> : null}
      {dialog === "prompt" ? <RegisterPrompt schema={name} onClose={close} /> : null}
      {dialog === "register" ? <RegisterModel onClose={close} /> : null}
    </SecurablePage>
  );
}
