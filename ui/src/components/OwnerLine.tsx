import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { explanation } from "../api/access";
import { me } from "../api/me";
import { isContainer, READ_OPERATION, type Securable } from "../lib/securables";
import { visible } from "../lib/text";
import { AccessSteps } from "./AccessSteps";

/** What the owner can do, or which privileges the owner lacks. */
export function OwnerLine({
  securable,
  owner,
  mayExplain,
}: {
  securable: Securable;
  owner: string;
  mayExplain: boolean;
}) {
  const { data: user } = useQuery(me);
  const isAllowed = mayExplain || user?.account_admin === true || user?.name === owner;
  const { data } = useQuery({
    ...explanation(securable.type, securable.name, owner, READ_OPERATION[securable.kind]),
    enabled: isAllowed && owner !== "",
  });
  const missing = (data?.steps ?? []).filter((step) => !step.met);
  return (
    <div>
      <Text size="sm">
        Owner: <b>{visible(owner)}</b>
        {data?.allowed
          ? isContainer(securable.kind)
            ? ", who manages it and everything in it. Loading its models needs other grants."
            : ", who may do everything here."
          : missing.length > 0
            ? ", who lacks these privileges:"
            : "."}
      </Text>
      {missing.length > 0 ? <AccessSteps steps={missing} /> : null}
      {data && !data.allowed && missing.length === 0 ? <Text size="sm">{data.reason}</Text> : null}
    </div>
  );
}
