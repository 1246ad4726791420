import { ActionIcon, Group, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconLock, IconPencil, IconPlus, IconX } from "@tabler/icons-react";
import { useState } from "react";

import { protectAlias, unprotectAlias } from "../api/acts";
import { useRefused } from "../api/can";
import { type ProtectedAlias, protectedAliases } from "../api/queries";
import { ConfirmDelete, PrincipalsSelect } from "../forms/change";
import type { Place } from "../forms/access";
import { Action } from "../ui/Action";
import { useAct } from "../ui/Act";
import { Dialog } from "../ui/Dialog";
import { kindLabel } from "../ui/kinds";
import { Alias } from "../ui/Pairs";
import { visible } from "../ui/text";
import { Fact } from "./Facts";

type Asked =
  | { what: "protect"; before?: ProtectedAlias }
  | { what: "unprotect"; alias: string }
  | null;

/** Who moves which alias: what is protected here, and what the containers above protect. */
export function ProtectedFact({ on }: { on: Place }) {
  const { data, error } = useQuery(protectedAliases(on.type, on.name));
  const refused = useRefused(on.type, on.name);
  const [asked, setAsked] = useState<Asked>(null);
  const close = () => setAsked(null);
  if (error) return null; // whoever holds nothing here is not told, and moves nothing
  return (
    <Fact term="Protected aliases">
      <Stack gap={6} align="flex-start">
        {data?.map((one) => {
          const here = one.securable_name === on.name;
          return (
            <div key={`${one.alias} ${one.securable_name}`}>
              <Group gap={2} wrap="nowrap">
                <IconLock size={14} aria-hidden />
                <Alias name={one.alias} />
                {here && !refused("protect_alias") ? (
                  <>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      size="xs"
                      aria-label={`Change who moves ${one.alias}`}
                      onClick={() => setAsked({ what: "protect", before: one })}
                    >
                      <IconPencil size={13} />
                    </ActionIcon>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      size="xs"
                      aria-label={`Remove the protection of ${one.alias}`}
                      onClick={() => setAsked({ what: "unprotect", alias: one.alias })}
                    >
                      <IconX size={13} />
                    </ActionIcon>
                  </>
                ) : null}
              </Group>
              <Text size="xs" c="dimmed" className="anywhere">
                {one.principals.length > 0
                  ? `moved by ${one.principals.map(visible).join(", ")}`
                  : "moved by nobody"}
                {here
                  ? ""
                  : `, as ${kindLabel(one.securable_type)} ${visible(one.securable_name)} says`}
              </Text>
            </div>
          );
        })}
        {data?.length === 0 ? (
          <Text size="sm" c="dimmed">
            None: whoever may set aliases moves them.
          </Text>
        ) : null}
        <Action
          refused={refused("protect_alias")}
          variant="default"
          size="compact-xs"
          leftSection={<IconPlus size={13} />}
          onClick={() => setAsked({ what: "protect" })}
        >
          Protect alias
        </Action>
      </Stack>
      {asked?.what === "protect" ? <Protect on={on} before={asked.before} onClose={close} /> : null}
      {asked?.what === "unprotect" ? (
        <ConfirmDelete
          title="Remove the protection"
          what={
            <>
              From then on, whoever may set aliases on{" "}
              {on.kind === "MODEL" || on.kind === "PROMPT"
                ? `the ${on.kind.toLowerCase()}`
                : "a model or prompt in it"}{" "}
              moves <b>@{visible(asked.alias)}</b>.
            </>
          }
          act={() => unprotectAlias(on.type, on.name, asked.alias)}
          done={`@${visible(asked.alias)} is not protected here any more.`}
          then={() => undefined}
          onClose={close}
          submit="Remove"
        />
      ) : null}
    </Fact>
  );
}

function Protect({
  on,
  before,
  onClose,
}: {
  on: Place;
  before?: ProtectedAlias;
  onClose: () => void;
}) {
  const [alias, setAlias] = useState(before?.alias ?? "");
  const [movers, setMovers] = useState<string[]>(before?.principals ?? []);
  const name = alias.trim().replace(/^@/, "");
  const act = useAct(
    () => protectAlias(on.type, on.name, name, movers),
    `@${visible(name)} is protected.`,
    onClose,
  );
  return (
    <Dialog
      title={`Protect an alias on ${visible(on.name)}`}
      submit="Protect"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!name}
    >
      <Text size="sm">
        {on.kind === "MODEL" || on.kind === "PROMPT"
          ? "Only those named here may set, move or delete it."
          : "On every model and prompt in it, only those named here may set, move or delete it."}{" "}
        They need the right to set aliases, too.
      </Text>
      <TextInput
        label="Alias"
        placeholder="Champion"
        value={alias}
        onChange={(e) => setAlias(e.currentTarget.value)}
        required
        disabled={before !== undefined}
        data-autofocus={before ? undefined : true}
        autoComplete="off"
      />
      <PrincipalsSelect
        label="Who may move it"
        description="Empty: nobody."
        value={movers}
        onChange={setMovers}
      />
    </Dialog>
  );
}
