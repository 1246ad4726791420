import { Box, Button, Group, Text } from "@mantine/core";
import { IconExternalLink, IconUpload } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";

import { RegisterModel } from "../dialogs/RegisterModel";
import { experimentsPath, home } from "../paths";

const STEP_MS = 400;
// The first settings of MLflow's pages: training instead of chats, and no panel of the assistant, which is off here.
const MLFLOW_DEFAULTS = {
  "mlflow.workflowType_v1": "machine_learning",
  "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": true,
};

function setMlflowDefaults(): void {
  for (const [key, value] of Object.entries(MLFLOW_DEFAULTS))
    if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(value));
}

/** MLflow's own pages in a frame. Its address after # and the address of this page follow each other. */
export default function Experiments() {
  const { pathname, search, key } = useLocation();
  const navigate = useNavigate();
  const frame = useRef<HTMLIFrameElement>(null);
  const subpath = `${pathname.slice(experimentsPath.length)}${search}`;
  const mlflowPath = subpath === "" || subpath === "/" ? "/experiments" : `/experiments${subpath}`;
  const [first] = useState(() => {
    setMlflowDefaults();
    return mlflowPath;
  });
  const framePath = useRef(first);
  const [registering, setRegistering] = useState(false);
  const run = /\/runs\/([0-9a-f]{32})/.exec(mlflowPath)?.[1];

  useEffect(() => {
    document.title = "Experiments · Modelkeep";
  }, []);
  useEffect(() => {
    // The frame follows a new address, and a link that the reader chooses again.
    const view = frame.current?.contentWindow;
    if (view && mlflowPath !== framePath.current && view.location.pathname.startsWith("/ml/")) {
      framePath.current = mlflowPath;
      view.location.replace(`/ml/#${mlflowPath}`);
    }
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- the same address, chosen again
  }, [mlflowPath, key]);
  useEffect(() => {
    // MLflow changes its address without an event for other windows, so a timer compares it.
    const timer = setInterval(() => {
      const hash = frame.current?.contentWindow?.location.hash.slice(1);
      if (!hash || hash === framePath.current) return;
      framePath.current = hash;
      const model = /^\/models\/([^/]+\.[^/]+\.[^/?]+)(?:\/versions\/(\d+))?/.exec(hash);
      if (model?.[1]) {
        const name = decodeURIComponent(model[1]).split(".").map(encodeURIComponent).join("/");
        void navigate(`/explore/data/models/${name}${model[2] ? `/version/${model[2]}` : ""}`);
      } else if (hash === "/models") void navigate(home);
      else if (hash.startsWith("/experiments"))
        void navigate(experimentsPath + hash.slice("/experiments".length), { replace: true });
    }, STEP_MS);
    return () => clearInterval(timer);
  }, [navigate]);

  return (
    <Box h="calc(100dvh - 56px)" style={{ display: "flex", flexDirection: "column" }}>
      <Group justify="space-between" px="md" py={6} className="frame-bar">
        <Text component="h1" size="sm" fw={600}>
          Experiments and runs
        </Text>
        <Group gap="xs">
          <Button
            size="xs"
            leftSection={<IconUpload size={15} />}
            onClick={() => setRegistering(true)}
          >
            Register model
          </Button>
          <Button
            size="xs"
            variant="default"
            component="a"
            href={`/ml/#${mlflowPath}`}
            target="_blank"
            rel="noreferrer"
            leftSection={<IconExternalLink size={15} />}
          >
            Open alone
          </Button>
        </Group>
      </Group>
      <iframe
        ref={frame}
        title="MLflow experiments and runs"
        src={`/ml/#${first}`}
        className="frame"
      />
      {registering ? <RegisterModel runId={run} onClose={() => setRegistering(false)} /> : null}
    </Box>
  );
}
