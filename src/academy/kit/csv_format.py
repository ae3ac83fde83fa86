"""Tables as CSV (RFC 4180), for people who open them in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

# What makes a spreadsheet take a text for a formula: https://owasp.org/www-community/attacks/CSV_Injection
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Returns rows as lines that end with CR LF, quoted where they have to be.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it, which makes it a text.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return lines.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_BEGINS_FORMULA) else cell
