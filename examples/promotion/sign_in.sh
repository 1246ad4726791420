#!/usr/bin/env bash
# Prints DATABRICKS_TOKEN=... for $GITHUB_ENV: exchanges the job's own OpenID token for an access token of the service principal
# CLIENT_ID. `modelkeep service-principals trust` has allowed that exchange.
set -euo pipefail

audience=$(curl -fsS "$DATABRICKS_HOST/.well-known/databricks-config" | python3 -c 'import json, sys; print(json.load(sys.stdin)["account_id"])')
identity=$(curl -fsS -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$audience" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["value"])')
token=$(curl -fsS "$DATABRICKS_HOST/oidc/v1/token" \
    -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
    -d subject_token_type=urn:ietf:params:oauth:token-type:jwt \
    -d "client_id=$CLIENT_ID" --data-urlencode "subject_token=$identity" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
echo "::add-mask::$token" >&2
echo "DATABRICKS_TOKEN=$token"
