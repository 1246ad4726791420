/** All paths of the pages. MLflow's clients print those of models and versions after a registration. */

const segment = encodeURIComponent;

export const home = "/explore";
export const catalogPath = (catalog: string) => `/explore/data/${segment(catalog)}`;
export const schemaPath = (fullName: string) =>
  `/explore/data/${fullName.split(".").map(segment).join("/")}`;
export const modelPath = (fullName: string) =>
  `/explore/data/models/${fullName.split(".").map(segment).join("/")}`;
export const versionPath = (fullName: string, version: number | string) =>
  `${modelPath(fullName)}/version/${version}`;
export const comparePath = (fullName: string, versions: (number | string)[]) =>
  `${modelPath(fullName)}/compare?versions=${versions.join(",")}`;
export const promptPath = (fullName: string, version?: number | string) =>
  `/explore/data/prompts/${fullName.split(".").map(segment).join("/")}${version === undefined ? "" : `?version=${version}`}`;
export const promptComparePath = (fullName: string, versions: (number | string)[]) =>
  `${promptPath(fullName)}/compare?versions=${versions.join(",")}`;
const leafPath = (folder: string) => (fullName: string) =>
  `/explore/data/${folder}${fullName.split(".").map(segment).join("/")}`;
export const tablePath = leafPath("");
export const volumePath = leafPath("volumes/");
export const functionPath = leafPath("functions/");
export const searchPath = (query: string) => `/explore/search?q=${segment(query)}`;
export const tokensPath = "/explore/tokens";
export const requestsPath = "/explore/requests";
export const adminPath = (section: string) => `/explore/admin/${section}`;
export const experimentsPath = "/explore/experiments";
export const runPath = (experiment: string, run: string) =>
  `/explore/experiments/${segment(experiment)}/runs/${segment(run)}`;
export const experimentPath = (experiment: string) => `/explore/experiments/${segment(experiment)}`;

/** MLflow's page of what uses a prompt: a run, a logged model or a trace. */
export function mlflowEntityPath(kind: string, experiment: string, id: string): string | null {
  const base = experimentPath(experiment);
  if (kind === "run") return runPath(experiment, id);
  if (kind === "logged_model") return `${base}/models/${segment(id)}`;
  // MLflow has read both names of the parameter.
  if (kind === "trace")
    return `${base}/traces?selectedEvaluationId=${segment(id)}&traceId=${segment(id)}`;
  return null;
}

/** The page of an entity, by the server's name of its kind; null for kinds without a page. */
export function securablePath(kind: string, fullName: string): string | null {
  switch (kind) {
    case "CATALOG":
      return catalogPath(fullName);
    case "SCHEMA":
      return schemaPath(fullName);
    case "MODEL":
    case "REGISTERED_MODEL":
      return modelPath(fullName);
    case "FUNCTION":
      return functionPath(fullName);
    case "PROMPT":
      return promptPath(fullName);
    case "TABLE":
      return fullName.split(".").length === 3 ? tablePath(fullName) : null;
    case "VOLUME":
      return volumePath(fullName);
    case "MODEL_VERSION": {
      const slash = fullName.lastIndexOf("/");
      return slash > 0 ? versionPath(fullName.slice(0, slash), fullName.slice(slash + 1)) : null;
    }
    default:
      return null;
  }
}

/** The sign-in page. It says that the session has ended, and leads back here. */
export const signInPath = () =>
  `/login?next=${segment(location.pathname + location.search)}&why=ended`;

/** The Files API's address of a volume's file or, with `directories`, of a directory of it. */
export function volumeFilePath(fullName: string, file: string, api = "files"): string {
  const parts = [...fullName.split("."), ...file.split("/").filter(Boolean)].map(segment);
  return `/api/2.0/fs/${api}/Volumes/${parts.join("/")}`;
}

/** The Files API's address of a version's file. The answer is always an attachment, never a page. */
export function filePath(fullName: string, version: number, file: string): string {
  return `/api/2.0/fs/files/Models/${[...fullName.split("."), String(version), ...file.split("/")].map(segment).join("/")}`;
}
