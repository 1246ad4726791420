"""Reads MLmodel files away from the event loop: a small one in a thread, a larger one in a process of its own.

The parsers are C and hold the interpreter's lock, so a large file in a thread would stop the server for a tenth of a second. The
process has a bound on its time and memory, and answers with what is kept of the file.
"""

import asyncio
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec

from modelkeep.domain import mlmodel
from modelkeep.domain.errors import InvalidArgument, RegistryError, Throttled
from modelkeep.domain.mlmodel import LongSignature, ModelFile, Resource, Signature
from modelkeep.limits import MLMODEL_INLINE_BYTES, MLMODEL_MEMORY_BYTES, MLMODEL_S

_READER = ThreadPoolExecutor(1, "mlmodel")


class _Answer(msgspec.Struct, frozen=True):
    """Of the process."""

    signature: LongSignature = LongSignature()
    resources: tuple[Resource, ...] = ()
    refusal: str = ""


async def read_model_file(data: bytes) -> ModelFile:
    """As `mlmodel.read_mlmodel`. Raises InvalidArgument; Throttled where too many wait to be read."""
    read = mlmodel.read_mlmodel if len(data) <= MLMODEL_INLINE_BYTES else read_apart
    try:
        async with asyncio.timeout(MLMODEL_S):
            return await asyncio.get_running_loop().run_in_executor(_READER, read, data)
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise Throttled(
            f"The MLmodel file could not be read within {MLMODEL_S:.0f} seconds. Finalize again in a moment."
        ) from error


def read_apart(data: bytes) -> ModelFile:
    """As `mlmodel.read_mlmodel`, in another process. Raises InvalidArgument, subprocess.TimeoutExpired."""
    mlmodel.check_size(len(data))
    command = [sys.executable, "-P", "-m", __name__]
    ended = subprocess.run(command, input=data, capture_output=True, timeout=MLMODEL_S, check=False)
    try:
        answer = msgspec.json.decode(ended.stdout, type=_Answer)
    except msgspec.DecodeError as error:
        raise InvalidArgument(
            "The MLmodel file takes more memory than there is to read it. Log the model again, with less in it."
        ) from error
    if answer.refusal:
        raise InvalidArgument(answer.refusal)
    signature: Signature = answer.signature
    if not answer.signature.left_out:
        signature = Signature(signature.inputs, signature.outputs, signature.params)
    return ModelFile(signature, answer.resources)


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MLMODEL_MEMORY_BYTES, MLMODEL_MEMORY_BYTES))
    try:
        file = mlmodel.read_mlmodel(sys.stdin.buffer.read())
        fields = {name: getattr(file.signature, name) for name in file.signature.__struct_fields__}
        answer = _Answer(LongSignature(**fields), file.resources)
    except RegistryError as error:
        answer = _Answer(refusal=error.message)
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    _main()
