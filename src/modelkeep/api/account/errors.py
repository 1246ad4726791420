"""How a failure looks to SCIM clients (RFC 7644, 3.12); databricks-sdk makes its exceptions of it, too."""

from modelkeep.api.account.answers import ScimError
from modelkeep.api.errors import harmless
from modelkeep.domain.errors import AlreadyExists, RegistryError
from modelkeep.domain.scim.schema import ScimRequestError

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def scim(error: RegistryError) -> tuple[int, ScimError]:
    """`detail` is the sentence; `scimType` is there where the RFC has a word."""
    body: ScimError = {"schemas": [ERROR], "status": str(error.status), "detail": harmless(error.message)}
    if isinstance(error, ScimRequestError):
        body["scimType"] = error.scim_type
    elif isinstance(error, AlreadyExists):
        body["scimType"] = "uniqueness"
    elif error.status == 400:
        body["scimType"] = "invalidValue"
    return error.status, body
