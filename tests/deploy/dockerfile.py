"""The Dockerfile, read as far as its tests need: stages, instructions, environment."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in upper case, and the rest with continued lines joined."""

    word: str
    text: str

    @property
    def pairs(self) -> dict[str, str]:
        """NAME=value ..., as ENV, ARG and LABEL have them."""
        return dict(part.partition("=")[::2] for part in shlex.split(self.text))


def stages(path: Path = ROOT / "Dockerfile") -> list[list[Instruction]]:
    """The instructions of each stage, FROM first. Those before the first FROM are left out."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    parts: list[list[Instruction]] = []
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        word, _, text = line.strip().partition(" ")
        if word.upper() == "FROM":
            parts.append([])
        if word and parts:
            parts[-1].append(Instruction(word.upper(), text.strip()))
    return parts


def environment(stage: list[Instruction]) -> dict[str, str]:
    """What ENV sets in this stage."""
    return {
        name: value for instruction in stage if instruction.word == "ENV" for name, value in instruction.pairs.items()
    }
