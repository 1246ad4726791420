import { ActionIcon, Group, Stack, Text } from "@mantine/core";
import { IconLock, IconPencil, IconPlus, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import type { ProtectedAlias } from "../api/access";
import { protectedAliases } from "../api/access";
import { unprotectAlias } from "../api/mutations";
import { useDenialReason } from "../api/permissions";
import { ConfirmDelete } from "../dialogs/ConfirmDelete";
import { ProtectAlias } from "../dialogs/ProtectAlias";
import { isContainer, type Securable } from "../lib/securables";
import { visible } from "../lib/text";
import { ActionButton } from "../ui/ActionButton";
import { AliasBadge } from "../ui/AliasBadge";
import { kindLabel } from "../ui/kinds";
import { Detail } from "./Details";

type OpenDialog =
  | { name: "protect"; rule?: ProtectedAlias }
  | { name: "unprotect"; alias: string }
  | null;

/** The protected aliases: rules on the securable, and rules that it inherits from its containers. */
export function ProtectedAliases({ securable }: { securable: Securable }) {
  const { data, error } = useQuery(protectedAliases(securable.type, securable.name));
  const denialReason = useDenialReason(securable.type, securable.name)("protect_alias");
  const [dialog, setDialog] = useState<OpenDialog>(null);
  const close = () => setDialog(null);
  if (error) return null; // the server hides the rules from principals without a privilege here
  return (
    <Detail term="Protected aliases">
      <Stack gap={6} align="flex-start">
        {data?.map((rule) => (
          <ProtectionRule
            key={`${rule.alias} ${rule.securable_name}`}
            rule={rule}
            inherited={rule.securable_name !== securable.name}
            editable={rule.securable_name === securable.name && !denialReason}
            setDialog={setDialog}
          />
        ))}
        {data?.length === 0 ? (
          <Text size="sm" c="dimmed">
            None. Everyone who may set aliases can move them.
          </Text>
        ) : null}
        <ActionButton
          denialReason={denialReason}
          variant="default"
          size="compact-xs"
          leftSection={<IconPlus size={13} />}
          onClick={() => setDialog({ name: "protect" })}
        >
          Protect alias
        </ActionButton>
      </Stack>
      {dialog?.name === "protect" ? (
        <ProtectAlias securable={securable} rule={dialog.rule} onClose={close} />
      ) : null}
      {dialog?.name === "unprotect" ? (
        <ConfirmDelete
          title="Remove the protection"
          message={
            <>
              From then on, everyone who may set aliases on{" "}
              {isContainer(securable.kind)
                ? "a model or prompt in it"
                : `the ${securable.kind.toLowerCase()}`}{" "}
              can move <b>@{visible(dialog.alias)}</b>.
            </>
          }
          mutationFn={() => unprotectAlias(securable.type, securable.name, dialog.alias)}
          toast={`The protection of @${visible(dialog.alias)} is removed.`}
          onClose={close}
          submit="Remove"
        />
      ) : null}
    </Detail>
  );
}

interface RuleProps {
  rule: ProtectedAlias;
  inherited: boolean;
  editable: boolean;
  setDialog: (dialog: OpenDialog) => void;
}

function ProtectionRule({ rule, inherited, editable, setDialog }: RuleProps) {
  return (
    <div>
      <Group gap={2} wrap="nowrap">
        <IconLock size={14} aria-hidden />
        <AliasBadge name={rule.alias} />
        {editable ? (
          <>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="xs"
              aria-label={`Change who moves ${rule.alias}`}
              onClick={() => setDialog({ name: "protect", rule })}
            >
              <IconPencil size={13} />
            </ActionIcon>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="xs"
              aria-label={`Remove the protection of ${rule.alias}`}
              onClick={() => setDialog({ name: "unprotect", alias: rule.alias })}
            >
              <IconX size={13} />
            </ActionIcon>
          </>
        ) : null}
      </Group>
      <Text size="xs" c="dimmed" className="anywhere">
        {rule.principals.length > 0
          ? `moved by ${rule.principals.map(visible).join(", ")}`
          : "moved by nobody"}
        {inherited
          ? `, by a rule of ${kindLabel(rule.securable_type)} ${visible(rule.securable_name)}`
          : ""}
      </Text>
    </div>
  );
}
