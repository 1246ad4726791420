import {
  IconBox,
  IconBriefcase,
  IconDatabase,
  IconFile,
  IconFlask,
  IconFolder,
  IconFunction,
  IconLink,
  IconMessage2,
  IconNotebook,
  IconStack2,
  IconTable,
  IconVersions,
} from "@tabler/icons-react";

const ICONS = {
  METASTORE: IconStack2,
  CATALOG: IconStack2,
  SCHEMA: IconDatabase,
  MODEL: IconBox,
  FUNCTION: IconFunction,
  MODEL_VERSION: IconVersions,
  PROMPT: IconMessage2,
  TABLE: IconTable,
  VOLUME: IconFolder,
  NOTEBOOK: IconNotebook,
  JOB: IconBriefcase,
  PIPELINE: IconBriefcase,
  RUN: IconFlask,
  PATH: IconFile,
} as const;
const LABELS: Record<string, string> = {
  METASTORE: "metastore",
  CATALOG: "catalog",
  SCHEMA: "schema",
  MODEL: "registered model",
  MODEL_VERSION: "model version",
};

export function KindIcon({ kind, size = 18 }: { kind: string; size?: number }) {
  const Icon = kind in ICONS ? ICONS[kind as keyof typeof ICONS] : IconLink;
  return <Icon size={size} stroke={1.7} aria-hidden />;
}

export const kindLabel = (kind: string) => LABELS[kind] ?? kind.toLowerCase().replaceAll("_", " ");
