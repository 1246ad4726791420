/** The lines that point a shell at this server. */
export const shellExports = (token: string) => `export DATABRICKS_HOST=${location.origin}
export DATABRICKS_TOKEN=${token}
export MLFLOW_TRACKING_URI=databricks
export MLFLOW_REGISTRY_URI=databricks-uc`;

/** What stands in the token's place in code to paste. */
export const OWN_TOKEN = "...   # Access tokens, on the left";
