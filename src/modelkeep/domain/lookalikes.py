"""When two names of principals look alike: what people read as one name must not be two principals.

A name is compared in its compatibility form (NFKC), without characters that show nothing, and with each letter of another script that
looks like a Latin one as that one. Letters with accents stay what they are: jos\u00e9 and jose are two people.
"""

import unicodedata

# The letters look like the Latin letter before them, mostly in the sense of Unicode's confusables (UTS 39).
_LATIN = {
    "a": "\u0430\u0410\u03b1\u0391\u0251\u1d00\u13aa",
    "b": "\u0412\u0432\u0392\u03b2\u0299\u13f4\u042c\u044c",
    "c": "\u0441\u0421\u03f2\u03f9\u1d04\u216d\u13df\u2ca5\u2ca4",
    "d": "\u0501\u0500\u1d05\u13a0",
    "e": "\u0435\u0415\u03b5\u0395\u1d07\u13ac\u212e\u04bd",
    "f": "\u0192\ua730\u03dd\u03dc\u0584",
    "g": "\u0261\u0262\u0581\u13c0",
    "h": "\u04bb\u04ba\u043d\u041d\u0397\u029c\u0570\u13bb",
    "i": "\u0456\u0406\u03b9\u0399\u0131\u026a\u0269\u04c0\u13c6\u0457\u0407",
    "j": "\u0458\u0408\u03f3\u1d0a\u13ab",
    "k": "\u043a\u041a\u03ba\u039a\u1d0b\u13e6\u212a",
    "l": "\u04cf\u01c0\u2223\u029f\u13de\u05c0",
    "m": "\u043c\u041c\u039c\u03bc\u1d0d\u13b7",
    "n": "\u039d\u03b7\u0274\u0578\u057c",
    "o": "\u043e\u041e\u03bf\u039f\u1d0f\u0585\u0555\u0665\u06f5\u0966",
    "p": "\u0440\u0420\u03c1\u03a1\u1d18\u13e2",
    "q": "\u051b\u051a\u0566\u0563",
    "r": "\u0433\u0280\u13a1",
    "s": "\u0455\u0405\ua731\u13da\u054f",
    "t": "\u0442\u0422\u03c4\u03a4\u1d1b\u13a2",
    "u": "\u03c5\u057d\u054d\u1d1c\u028b",
    "v": "\u0475\u0474\u03bd\u1d20\u13d9",
    "w": "\u051d\u051c\u0461\u03c9\u1d21\u13b3",
    "x": "\u0445\u0425\u03c7\u03a7",
    "y": "\u0443\u0423\u04af\u04ae\u03a5\u03b3\u028f\u13bd",
    "z": "\u0396\u03b6\u1d22\u13c3",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u02d7\u2043",
    "'": "\u2018\u2019\u02bc\u2032\u00b4",
    "/": "\u2044\u2215",
    ".": "\u0660\u06f0\u0701",
}
_FOLD = str.maketrans({letter: latin for latin, letters in _LATIN.items() for letter in letters})
_SHOWS_NOTHING = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)


def look_key(name: str) -> str:
    """What two names that look alike share; never ''."""
    visible = "".join(c for c in name if c not in _SHOWS_NOTHING)
    text = unicodedata.normalize("NFKC", visible)
    text = "".join(c for c in text if c not in _SHOWS_NOTHING).translate(_FOLD).casefold().translate(_FOLD)
    return " ".join(text.split()) or name
