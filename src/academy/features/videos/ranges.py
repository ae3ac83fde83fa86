"""Range requests (RFC 9110, section 14): what of a Range header counts for a file of a known size."""

import re

# Longer lists of ranges are attempts to make the server work (RFC 9110, section 17.15); they are ignored.
_MOST_RANGES = 16
# 18 digits are an exabyte: more than any file has.
_RANGE = re.compile(r"[ \t]*(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))[ \t]*")


def effective_range(header: str, size: int) -> str | None:
    """Returns the Range header cut to what can be answered, or None when it is to be ignored.

    Ignored are unknown units, malformed lists (a range that ends before it begins is malformed) and lists of more than
    16. Of the ranges of a well-formed list only those inside a file of `size` bytes stay; when none is, the header is
    returned as `bytes=SIZE-`, which no file of that size can satisfy.
    """
    unit, separator, listed = header.partition("=")
    if not separator or unit.strip().lower() != "bytes":
        return None
    parts = [part for part in listed.split(",") if part.strip(" \t")]
    if not 0 < len(parts) <= _MOST_RANGES:
        return None
    satisfiable: list[str] = []
    for part in parts:
        matched = _RANGE.fullmatch(part)
        if matched is None:
            return None
        first, last, suffix = matched.groups()
        if suffix is not None:
            first, last = str(max(size - int(suffix), 0)), str(size - 1)
            reachable = int(suffix) > 0 and size > 0
        else:
            if last is not None and int(last) < int(first):
                return None
            reachable = int(first) < size
            last = str(min(int(last), size - 1)) if last is not None else str(size - 1)
        if reachable:
            satisfiable.append(f"{first}-{last}")
    return f"bytes={','.join(satisfiable)}" if satisfiable else f"bytes={size}-"
