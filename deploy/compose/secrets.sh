#!/bin/sh
# Writes the secrets of compose.yaml into ./secrets, once: random passwords that are printed nowhere. What is there stays.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Compose mounts a file with its owner and mode, and the containers' users are others: the folder keeps the files private.
secret() {
    [ -s "secrets/$1" ] || { cat >"secrets/$1.new" && chmod 444 "secrets/$1.new" && mv "secrets/$1.new" "secrets/$1"; }
}

random | secret postgres_password
printf 'postgresql://modelkeep:%s@postgres:5432/modelkeep\n' "$(cat secrets/postgres_password)" | secret database_url
printf '[default]\naws_access_key_id = modelkeep\naws_secret_access_key = %s\n' "$(random)" | secret aws_credentials
key=$(sed -n 's/^aws_secret_access_key = //p' secrets/aws_credentials)
printf '{"identities": [{"name": "modelkeep", "credentials": [{"accessKey": "modelkeep", "secretKey": "%s"}], "actions": ["Admin"]}]}\n' \
    "$key" | secret s3_identities
