import { Text, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "react-router";

import { updateSecurable } from "../api/mutations";
import { type FunctionInfo, functionOf } from "../api/objects";
import { useDenialReason } from "../api/permissions";
import { tags as tagsQuery } from "../api/securables";
import { Detail } from "../components/Details";
import { ParameterTable } from "../components/ParameterTable";
import { QueryPage } from "../components/QueryPage";
import { SecurablePage } from "../components/SecurablePage";
import { schemaCrumbs } from "../lib/crumbs";
import { securableOf } from "../lib/securables";
import { visible } from "../lib/text";
import { CodeBlock } from "../ui/CodeBlock";
import type { Crumb } from "../ui/Page";

export default function FunctionRoute() {
  const { catalog = "", schema = "", function: leaf = "" } = useParams();
  const name = `${catalog}.${schema}.${leaf}`;
  const query = useQuery(functionOf(name));
  const crumbs = schemaCrumbs(catalog, schema);
  return (
    <QueryPage
      query={query}
      securable={securableOf("FUNCTION", name)}
      title={leaf}
      kind="Function"
      crumbs={crumbs}
    >
      {(info) => <FunctionPage key={name} info={info} crumbs={crumbs} />}
    </QueryPage>
  );
}

function FunctionPage({ info, crumbs }: { info: FunctionInfo; crumbs: Crumb[] }) {
  const name = info.full_name;
  const browseOnly = info.browse_only === true;
  const tags = useQuery({ ...tagsQuery("functions", name), enabled: !browseOnly });
  const client = useQueryClient();
  const denialReason = useDenialReason("function", name, info.owner);
  return (
    <SecurablePage
      securable={securableOf("FUNCTION", name)}
      info={info}
      title={info.name}
      crumbs={crumbs}
      tags={tags.data ?? []}
      description={{
        reload: () => client.fetchQuery({ ...functionOf(name), staleTime: 0 }),
        save: (comment) => updateSecurable("FUNCTION", name, { comment }),
        readOnly: browseOnly,
        denialReason: denialReason("update_comment"),
      }}
      settings={browseOnly ? null : <FunctionDetails info={info} />}
      content={
        browseOnly ? null : (
          <>
            <ParameterTable parameters={info.input_params?.parameters ?? []} />
            <Definition text={info.routine_definition ?? ""} />
          </>
        )
      }
      actions={null}
    />
  );
}

function FunctionDetails({ info }: { info: FunctionInfo }) {
  return (
    <>
      <Detail term="Language">
        {visible(info.external_language || info.routine_body || "unknown")}
      </Detail>
      <Detail term="Returns">
        <span className="mono anywhere">
          {visible(info.full_data_type || info.data_type || "unknown")}
        </span>
      </Detail>
      <Detail term="Deterministic">{info.is_deterministic ? "yes" : "no"}</Detail>
    </>
  );
}

function Definition({ text }: { text: string }) {
  return (
    <section aria-label="Definition">
      <Title order={2} size="h4" mt="lg" mb={6}>
        Definition
      </Title>
      {text ? (
        <CodeBlock label="Definition of the function" text={text} />
      ) : (
        <Text size="sm" c="dimmed">
          The function was registered without a definition.
        </Text>
      )}
    </section>
  );
}
