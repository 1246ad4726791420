"""Temporary credentials of an S3-compatible store: one artifact set, read or written, for a while; its STS enforces it.

They work until they expire, whatever is revoked, finalized or deleted meanwhile. So the ones that write are only ever
made for a place that no version's files are read from.
"""

import importlib
import json
import re
from typing import Any

from modelkeep import limits
from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.blobs.storage_threads import Circuit, StorageLane
from modelkeep.domain.errors import InvalidArgument, Unavailable

SHORTEST_S, LONGEST_S = 15 * 60, 12 * 3600  # what AWS lets a session live
_READ = ("s3:GetObject",)
_WRITE = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
ROLE_SETTING = "MODELKEEP_S3_ROLE_ARN"
_WILD = re.compile(r"[*?$]")


class StsClient:
    """Assumes roles for sessions, on threads of its own. `settings` names what an operator should check, in refusals."""

    def __init__(self, *, endpoint: str = "", region: str = "", seconds: int = 3600) -> None:
        """`endpoint`: URL of the STS, '' for AWS. Raises InvalidArgument for a lifetime out of bounds, Unavailable
        where the extra `modelkeep[s3]` is not installed."""
        if not SHORTEST_S <= seconds <= LONGEST_S:
            raise InvalidArgument("MODELKEEP_CREDENTIAL_MINUTES must be between 15 and 720.")
        self.seconds = seconds
        self._client = _client(endpoint, region)
        self._lane = StorageLane("sts", limits.STS_THREADS, Circuit("The store's STS"))

    async def assume(
        self, role_arn: str, policy: dict[str, Any], holder: str, *, external_id: str = "", role_from: str
    ) -> TemporaryCredentials:
        """`holder`: the principal that the store's own log names. `role_from`: where the role was configured, for refusals.
        Raises Unavailable with a sentence."""
        text = json.dumps(policy, separators=(",", ":"))
        return await self._lane.run(
            limits.STORE_METADATA_S, self._assume, role_arn, text, holder, external_id, role_from
        )

    def _assume(
        self, role_arn: str, policy: str, holder: str, external_id: str, role_from: str
    ) -> TemporaryCredentials:
        errors = importlib.import_module("botocore.exceptions")
        external = {"ExternalId": external_id} if external_id else {}
        try:
            answer = self._client.assume_role(
                RoleArn=role_arn,
                RoleSessionName=session_name(holder),
                Policy=policy,
                DurationSeconds=self.seconds,
                **external,
            )
        except errors.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise Unavailable(
                f"The store's STS refuses: {code}. Its operator should check {role_from} and who may assume it."
            ) from error
        except errors.BotoCoreError as error:
            raise Unavailable(
                f"The store's STS does not answer ({type(error).__name__}). Its operator should check "
                "MODELKEEP_STS_ENDPOINT."
            ) from error
        credentials = answer["Credentials"]
        return TemporaryCredentials(
            credentials["AccessKeyId"],
            credentials["SecretAccessKey"],
            credentials["SessionToken"],
            int(credentials["Expiration"].timestamp() * 1000),
        )


class Sts(StsClient):
    """Assumes one role, with a session policy for one artifact set in `bucket` under `root`."""

    def __init__(
        self, bucket: str, root: str, role_arn: str, *, endpoint: str = "", region: str = "", seconds: int = 3600
    ) -> None:
        """As StsClient."""
        super().__init__(endpoint=endpoint, region=region, seconds=seconds)
        self._bucket, self._role = bucket, role_arn
        self._root = f"{root.strip('/')}/" if root.strip("/") else ""

    async def issue(self, set_id: str, holder: str, *, write: bool) -> TemporaryCredentials:
        """For one set. `holder` is whom the store's own log names. Raises Unavailable with a sentence."""
        policy = session_policy(self._bucket, f"{self._root}{set_id}/", write=write)
        return await self.assume(self._role, policy, holder, role_from=ROLE_SETTING)


def session_policy(bucket: str, prefix: str, *, write: bool) -> dict[str, Any]:
    """What a session may do: get (and put, delete) what lies under `prefix`, which ends with a slash, and list it."""
    inside = f"{escaped(prefix)}*"
    objects = {
        "Effect": "Allow",
        "Action": list(_WRITE if write else _READ),
        "Resource": [f"arn:aws:s3:::{bucket}/{inside}"],
    }
    listing = {
        "Effect": "Allow",
        "Action": ["s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}"],
        "Condition": {"StringLike": {"s3:prefix": [inside]}},
    }
    return {"Version": "2012-10-17", "Statement": [objects, listing]}


def folder_policy(bucket: str, folder: str, *, write: bool) -> dict[str, Any]:
    """What a session may do with one folder (no slash at its end; '' is the whole bucket). S3A and the Delta kernel also look
    for an object that has the folder's own name, so that name is part of it; `folder2` is not."""
    names = [escaped(folder), f"{escaped(folder)}/*"] if folder else ["*"]
    objects = {
        "Effect": "Allow",
        "Action": list(_WRITE if write else _READ),
        "Resource": [f"arn:aws:s3:::{bucket}/{name}" for name in names],
    }
    listing: dict[str, Any] = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{bucket}"]}
    if folder:
        listing["Condition"] = {"StringLike": {"s3:prefix": names}}
    return {"Version": "2012-10-17", "Statement": [objects, listing]}


def escaped(text: str) -> str:
    """`text` as a policy spells it: a wildcard or the start of a variable stands for itself as ${*}, ${?}, ${$}."""
    return _WILD.sub(lambda match: f"${{{match[0]}}}", text)


def session_name(holder: str) -> str:
    """As the store takes it: 2 to 64 of its characters."""
    return re.sub(r"[^A-Za-z0-9+=,.@_-]", "-", holder)[:64].ljust(2, "-")


def _client(endpoint: str, region: str) -> Any:
    try:
        session = importlib.import_module("botocore.session").get_session()
        config = importlib.import_module("botocore.config").Config(
            connect_timeout=5, read_timeout=limits.STORE_SOCKET_S, retries={"mode": "standard", "max_attempts": 2}
        )
    except ModuleNotFoundError as error:
        raise Unavailable("Storage in S3 needs a package that is absent. Install `modelkeep[s3]`.") from error
    errors = importlib.import_module("botocore.exceptions")
    try:
        return session.create_client("sts", region_name=region or None, endpoint_url=endpoint or None, config=config)
    except errors.BotoCoreError as error:
        raise Unavailable(
            f"The store's STS cannot be used ({type(error).__name__}). Set AWS_DEFAULT_REGION or MODELKEEP_STS_ENDPOINT."
        ) from error
