"""Which keys the storage takes."""

import re

LONGEST_KEY = 512
_PART = r"[a-z0-9_-][a-z0-9._-]{0,199}"
_KEY = re.compile(rf"{_PART}(?:/{_PART})*")


def is_key(text: str) -> bool:
    """Whether the storage takes a text as a key.

    Parts of at most 200 characters joined by `/`, made of lower-case letters, digits, `-`, `_` and `.`; no part begins
    with a dot, which rules out `.`, `..` and the storage's own folders. The same keys work on every file system and in
    every object storage.
    """
    return len(text) <= LONGEST_KEY and _KEY.fullmatch(text) is not None


def checked_key(key: str) -> str:
    """Returns `key` when the storage takes it, else raises ValueError."""
    if not is_key(key):
        raise ValueError(f"not a storage key: {key[:80]!r}")
    return key
