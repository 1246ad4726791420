import { Switch } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";

import { updateSecurable } from "../api/mutations";
import { type CatalogInfo, catalog as catalogQuery } from "../api/securables";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { ErrorAlert } from "../ui/ErrorAlert";
import { Detail } from "./Details";

const PROPERTY = "require_signature";

interface Props {
  catalog: CatalogInfo;
  denialReason: string | undefined;
}

/** The catalog's property that makes every new version need a signature. */
export function SignatureSetting({ catalog, denialReason }: Props) {
  const required = catalog.properties?.[PROPERTY]?.toLowerCase() === "true";
  const client = useQueryClient();
  const mutation = useMutationWithToast(
    async (require: boolean) => {
      const latest = await client.fetchQuery({ ...catalogQuery(catalog.name), staleTime: 0 });
      const { [PROPERTY]: _, ...others } = latest.properties ?? {};
      const properties = require ? { ...others, [PROPERTY]: "true" } : others;
      return updateSecurable("CATALOG", catalog.name, { properties });
    },
    (_, require) =>
      require
        ? "Every new version needs a signature from now on."
        : "Plain MLflow clients may register without a signature.",
  );
  return (
    <Detail term="Signatures">
      <Switch
        label="Every version needs one"
        description={
          denialReason ??
          (required
            ? "This applies to every client."
            : "Plain MLflow clients may register versions without one.")
        }
        checked={required}
        disabled={denialReason !== undefined || mutation.isPending}
        onChange={(event) => mutation.mutate(event.currentTarget.checked)}
      />
      {mutation.error ? <ErrorAlert error={mutation.error} isAction /> : null}
    </Detail>
  );
}
