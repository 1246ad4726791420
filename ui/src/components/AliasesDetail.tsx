import { ActionIcon, Group, Text } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import { DeleteAlias } from "../dialogs/DeleteAlias";
import { SetAlias } from "../dialogs/SetAlias";
import type { AliasTarget } from "../lib/loadTarget";
import type { Securable } from "../lib/securables";
import { ActionButton } from "../ui/ActionButton";
import { AliasBadge } from "../ui/AliasBadge";
import { Detail } from "./Details";

interface Props {
  /** A model or a prompt. */
  securable: Securable;
  /** The aliases to show. */
  shownAliases: AliasTarget[];
  /** All aliases of the securable. */
  allAliases: AliasTarget[];
  badge: (alias: AliasTarget) => ReactNode;
  emptyText?: string;
  /** The version that "Set alias" proposes; without it there is no version to name. */
  proposed: number | undefined;
  choices?: number[] | undefined;
  setDenial: string | undefined;
  deleteDenial: string | undefined;
}

/** The aliases of a model, a prompt or a version, and where they are set and deleted. */
export function AliasesDetail(props: Props) {
  const { securable, shownAliases, allAliases, badge, emptyText, proposed, choices } = props;
  const [setting, setSetting] = useState(false);
  const [deleting, setDeleting] = useState<AliasTarget | null>(null);
  return (
    <Detail term="Aliases">
      {shownAliases.length === 0 && emptyText ? (
        <Text size="sm" c="dimmed" mb={4}>
          {emptyText}
        </Text>
      ) : null}
      <Group gap={6}>
        {shownAliases.map((alias) => (
          <Group key={alias.alias_name} gap={4} wrap="nowrap" maw="100%" className="alias-row">
            {badge(alias)}
            {props.deleteDenial ? null : (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label={`Delete alias ${alias.alias_name}`}
                onClick={() => setDeleting(alias)}
              >
                <IconX size={13} />
              </ActionIcon>
            )}
          </Group>
        ))}
        {proposed === undefined ? null : (
          <ActionButton
            denialReason={props.setDenial}
            variant="default"
            size="compact-xs"
            leftSection={<IconPlus size={13} />}
            onClick={() => setSetting(true)}
          >
            Set alias
          </ActionButton>
        )}
      </Group>
      {setting && proposed !== undefined ? (
        <SetAlias
          securable={securable}
          version={proposed}
          choices={choices}
          aliases={allAliases}
          onClose={() => setSetting(false)}
        />
      ) : null}
      {deleting ? (
        <DeleteAlias
          securable={securable}
          alias={deleting.alias_name}
          version={deleting.version_num}
          onClose={() => setDeleting(null)}
        />
      ) : null}
    </Detail>
  );
}

interface SecurableProps {
  /** A model or a prompt. */
  securable: Securable;
  aliases: AliasTarget[];
  proposed: number | undefined;
  choices: number[];
  setDenial: string | undefined;
  deleteDenial: string | undefined;
}

/** All aliases of a model or a prompt, each with the version that it names. */
export function SecurableAliases({ aliases, ...props }: SecurableProps) {
  return (
    <AliasesDetail
      {...props}
      shownAliases={aliases}
      allAliases={aliases}
      badge={({ alias_name, version_num }) => (
        <>
          <AliasBadge name={alias_name} target={{ ...props.securable, version: version_num }} />
          <Text size="xs" c="dimmed">
            v{version_num}
          </Text>
        </>
      )}
      emptyText="None. An alias names the version that is in use."
    />
  );
}
