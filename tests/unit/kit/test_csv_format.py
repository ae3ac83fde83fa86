"""Tables as CSV."""

import csv
import io

import pytest

from academy.kit.csv_format import csv_lines


def test_lines_end_as_the_rfc_says_and_cells_are_quoted_where_they_must_be() -> None:
    assert csv_lines([["a", "b,c"], ['say "hi"', "two\r\nlines"], ["", "é"]]) == (
        'a,"b,c"\r\n"say ""hi""","two\r\nlines"\r\n,é\r\n'
    )
    assert csv_lines([]) == ""


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_is_never_a_formula(first: str) -> None:
    ((cell, other),) = csv.reader(io.StringIO(csv_lines([[f"{first}1+1", f"1{first}1"]]), newline=""))
    assert (cell, other) == (f"'{first}1+1", f"1{first}1")
