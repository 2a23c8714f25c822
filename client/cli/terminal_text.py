"""Text of others on a terminal: none of it may control the terminal, or reverse text.

Not printable are control characters (also ESC and CSI), and format characters such as the marks
that make text run from right to left (Unicode categories Cc, Cf, Cs, Co, Cn, Zl, Zp).
"""

from __future__ import annotations


def printable(text: str, but: str = "\n\t") -> str:
    """Return text with U+FFFD in place of each character that is not printable."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in but else "\ufffd" for one in text)


def escaped(document: str, encoding: str = "utf-8") -> str:
    r"""Return a JSON document that means the same, with such characters as \uXXXX.

    If the `encoding` cannot show all of the others, all but ASCII are written so.
    """
    try:
        document.encode(encoding)
    except UnicodeEncodeError:
        document = "".join(one if one.isascii() else _code(one) for one in document)
    if document.isprintable():
        return document
    return "".join(one if one.isprintable() or one in "\n " else _code(one) for one in document)


def _code(character: str) -> str:
    """Return a character in JSON's escape, in UTF-16."""
    words = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{words[at : at + 4]}" for at in range(0, len(words), 4))
