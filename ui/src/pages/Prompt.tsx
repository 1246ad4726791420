import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams, useSearchParams } from "react-router";

import { useDenialReason } from "../api/permissions";
import {
  type PromptInfo,
  prompt as promptQuery,
  promptVersions,
  updatePrompt,
} from "../api/prompts";
import { SecurableAliases } from "../components/AliasesDetail";
import { PromptSnippets } from "../components/PromptSnippets";
import { PromptVersionSection } from "../components/PromptVersionSection";
import { PromptVersionTable } from "../components/PromptVersionTable";
import { QueryPage } from "../components/QueryPage";
import { SecurablePage } from "../components/SecurablePage";
import { RegisterPrompt } from "../dialogs/RegisterPrompt";
import { schemaCrumbs } from "../lib/crumbs";
import { lazyComponent } from "../lib/lazyComponent";
import { morePages } from "../lib/morePages";
import { securableOf } from "../lib/securables";
import { ActionButton } from "../ui/ActionButton";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { KindIcon } from "../ui/kinds";
import type { Crumb } from "../ui/Page";
import { LoadingSkeleton } from "../ui/Skeletons";

const PromptLinks = lazyComponent(() => import("../components/PromptLinks"));

export default function Prompt() {
  const { catalog = "", schema = "", prompt: leaf = "" } = useParams();
  const name = `${catalog}.${schema}.${leaf}`;
  const query = useQuery(promptQuery(name));
  const crumbs = schemaCrumbs(catalog, schema);
  return (
    <QueryPage
      query={query}
      securable={securableOf("PROMPT", name)}
      title={leaf}
      kind="Prompt"
      crumbs={crumbs}
    >
      {(prompt) => <PromptPage key={name} prompt={prompt} crumbs={crumbs} />}
    </QueryPage>
  );
}

function PromptPage({ prompt, crumbs }: { prompt: PromptInfo; crumbs: Crumb[] }) {
  const name = prompt.full_name;
  const securable = securableOf("PROMPT", name);
  const browseOnly = prompt.browse_only === true;
  const [params] = useSearchParams();
  const [registering, setRegistering] = useState(false);
  const versionPages = useInfiniteQuery({ ...promptVersions(name), enabled: !browseOnly });
  const rows = versionPages.data?.pages.flatMap((page) => page.versions) ?? [];
  const chosenNumber = Number(params.get("version") ?? prompt.newest_version ?? 0);
  const chosenVersion = rows.find((row) => row.version === chosenNumber);
  const denialReason = useDenialReason("prompt", name, prompt.owner);
  const client = useQueryClient();
  const aliases = Object.entries(prompt.aliases).map(([alias_name, version_num]) => ({
    alias_name,
    version_num,
  }));
  return (
    <SecurablePage
      securable={securable}
      info={prompt}
      title={prompt.name}
      crumbs={crumbs}
      tags={prompt.tags}
      description={{
        reload: () => client.fetchQuery({ ...promptQuery(name), staleTime: 0 }),
        save: (comment, etag) => updatePrompt(name, { comment, etag }),
        readOnly: browseOnly,
        denialReason: denialReason("update_prompt"),
      }}
      aliases={
        <SecurableAliases
          securable={securable}
          aliases={aliases}
          proposed={rows.length > 0 ? chosenNumber : undefined}
          choices={rows.map((row) => row.version)}
          setDenial={denialReason("set_prompt_alias")}
          deleteDenial={denialReason("delete_prompt_alias")}
        />
      }
      content={
        <>
          {versionPages.isPending && !browseOnly ? <LoadingSkeleton /> : null}
          {versionPages.error ? (
            <ErrorAlert error={versionPages.error} retry={() => void versionPages.refetch()} />
          ) : null}
          {versionPages.data && rows.length === 0 ? (
            <EmptyState
              icon={<KindIcon kind="PROMPT" size={34} />}
              title="No versions yet"
              action={<Button onClick={() => setRegistering(true)}>Register version</Button>}
              command={`mlflow.genai.register_prompt(name="${name}", template="...")`}
            >
              A version holds a template, which never changes.
            </EmptyState>
          ) : null}
          {rows.length > 0 ? <PromptVersionSection name={name} version={chosenNumber} /> : null}
          {rows.length > 0 ? (
            <PromptVersionTable
              name={name}
              rows={rows}
              current={chosenNumber}
              {...morePages(versionPages)}
            />
          ) : null}
        </>
      }
      tabs={[
        ...(browseOnly || !chosenVersion
          ? []
          : [
              {
                value: "use",
                label: "Use this prompt",
                render: () => (
                  <PromptSnippets
                    prompt={name}
                    version={chosenVersion}
                    alias={chosenVersion.aliases[0]}
                  />
                ),
              },
            ]),
        ...(browseOnly
          ? []
          : [{ value: "links", label: "Used by", render: () => <PromptLinks prompt={name} /> }]),
      ]}
      actions={
        <ActionButton
          denialReason={denialReason("create_prompt_version")}
          leftSection={<IconPlus size={16} />}
          onClick={() => setRegistering(true)}
        >
          Register version
        </ActionButton>
      }
    >
      {registering ? (
        <RegisterPrompt
          prompt={name}
          latest={chosenVersion ?? rows[0]}
          onClose={() => setRegistering(false)}
        />
      ) : null}
    </SecurablePage>
  );
}
