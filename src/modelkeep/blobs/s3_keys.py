"""How a file's path is spelled in the key of its object: as it is, except for characters that a store or its XML changes.

SeaweedFS takes a backslash for a slash, and XML holds neither control characters nor U+FFFE and U+FFFF. Such a character is
spelled as U+FFFD and a letter, and so is U+FFFD itself. Every key of a release that refused all of them keeps its meaning.
"""

import re

_MARK = "\ufffd"
_LETTERS = dict(zip("\\\ufffd\ufffe\uffff", "wxyz", strict=True)) | {
    chr(code): letter for code, letter in enumerate("0123456789abcdefghijklmnopqrstuv") if chr(code) != "\t"
}
_CHARACTERS = {letter: character for character, letter in _LETTERS.items()}
_CHANGED = re.compile(f"[{re.escape(''.join(_LETTERS))}]")
_SPELLED = re.compile(f"{_MARK}([{''.join(_CHARACTERS)}])")


def spell(path: str) -> str:
    """The end of the key of the file at `path`."""
    return _CHANGED.sub(lambda match: _MARK + _LETTERS[match[0]], path)


def read(key: str) -> str:
    """The path that `spell` made it of. A key that a client chose by itself is its path, except where it looks like one."""
    return _SPELLED.sub(lambda match: _CHARACTERS[match[1]], key)
