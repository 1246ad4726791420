"""When a client should try a refused request again."""

import math

from modelkeep.domain.errors import RegistryError, Throttled, Unavailable


def retry_after(error: RegistryError) -> list[tuple[bytes, bytes]]:
    """The header Retry-After of a refusal that mends by waiting, in whole seconds; of another, nothing."""
    seconds = error.retry_after
    if seconds is None:
        seconds = 2 if isinstance(error, Unavailable) else 1 if isinstance(error, Throttled) else 0
    return [(b"retry-after", str(math.ceil(seconds)).encode())] if seconds else []
