import { Progress, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "react-router";

import { FAILED, PENDING, READY, version as versionQuery } from "../api/versions";
import { visible } from "../lib/text";
import { versionPath } from "../paths";
import { Dialog } from "../ui/Dialog";
import { ErrorAlert } from "../ui/ErrorAlert";

interface Props {
  model: string;
  version: string;
  onClose: () => void;
}

/** Follows a version until its files are there or its registration has failed. */
export function RegistrationProgress({ model, version, onClose }: Props) {
  const { data, error } = useQuery(versionQuery(model.toLowerCase(), version));
  const navigate = useNavigate();
  const status = data?.status ?? PENDING;
  const isPending = status === PENDING;
  return (
    <Dialog
      title="Register model"
      submit="Open the version"
      cancel="Close"
      busy={false}
      error={null}
      onClose={onClose}
      onSubmit={() => {
        onClose();
        void navigate(versionPath(model.toLowerCase(), version));
      }}
    >
      <Text role="status" size="sm">
        {isPending
          ? `The server copies the run's files into version ${version} of ${visible(model)}. It continues if you close this.`
          : status === READY
            ? `Version ${version} of ${visible(model)} is ready.`
            : `Version ${version} of ${visible(model)} could not be registered.`}
      </Text>
      <Progress
        value={100}
        animated={isPending}
        striped={isPending}
        color={isPending ? undefined : status === READY ? "teal" : "red"}
        aria-label="Registration"
      />
      {data?.status_message && status === FAILED ? (
        <ErrorAlert error={new Error(data.status_message)} />
      ) : null}
      {error ? <ErrorAlert error={error} /> : null}
    </Dialog>
  );
}
