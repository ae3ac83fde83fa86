"""Slugs: the readable part of an address."""

import re
import unicodedata

LONGEST_SLUG = 80


def slugify(text: str) -> str:
    """Returns `text` as a slug: lower-case words joined by hyphens, at most 80 characters.

    Letters and digits of every script are kept (accents on Latin letters are dropped, marks of other scripts stay,
    since Devanagari vowels are marks). The answer may be empty when `text` has no letter and no digit.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    latin = re.sub(r"(?<=[a-z])[\u0300-\u036f]+", "", decomposed)
    composed = unicodedata.normalize("NFC", latin)
    kept = "".join(c if unicodedata.category(c)[0] in "LNM" else "-" for c in composed)
    return re.sub(r"-+", "-", kept).strip("-")[:LONGEST_SLUG].rstrip("-")
