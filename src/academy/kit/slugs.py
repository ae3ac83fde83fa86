"""Slugs: the readable part of an address."""

import re
import unicodedata

LONGEST_SLUG = 80
# They stand inside words: "don't" is one word.
_APOSTROPHES = "'’"


def slugify(text: str) -> str:
    """Returns `text` as a slug: lower-case words joined by hyphens, at most 80 characters.

    Letters and digits of every script are kept (accents on Latin letters are dropped, marks of other scripts stay,
    since Devanagari vowels are marks); invisible joiners are dropped. The slug of a slug is itself. The answer may be
    empty when `text` has no letter and no digit.
    """
    kept = ""
    plain = re.sub(r"(?<=[a-z])[\u0300-\u036f]+", "", _folded(text))
    for character in unicodedata.normalize("NFC", plain):
        category = unicodedata.category(character)
        if category == "Cf" or character in _APOSTROPHES:
            continue
        # A mark belongs to the letter before it.
        if category[0] in "LN" or (category[0] == "M" and kept and kept[-1] != "-"):
            kept += character
        elif kept and kept[-1] != "-":
            kept += "-"
    return kept[:LONGEST_SLUG].rstrip("-")


def _folded(text: str) -> str:
    """Returns `text` without differences of case and form (Unicode, section 3.13, D146), decomposed."""
    decomposed = unicodedata.normalize("NFD", text)
    for _ in range(2):
        decomposed = unicodedata.normalize("NFKD", decomposed.casefold())
    return decomposed
