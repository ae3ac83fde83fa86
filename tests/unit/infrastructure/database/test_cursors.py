"""Cursors hold any sort values, and are read for their own list only."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.infrastructure.database import cursors
from academy.infrastructure.database.errors import InvalidCursor

_TIMES = st.timedeltas(timedelta(0), timedelta(365 * 7000)).map(
    lambda gap: datetime(1, 1, 1, tzinfo=UTC) + timedelta(milliseconds=gap // timedelta(milliseconds=1))
)
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=50),
    _TIMES,
)


@given(values=st.lists(_VALUES, max_size=4), last_id=st.text(max_size=40))
def test_what_is_written_is_read(values: list[object], last_id: str) -> None:
    cursor = cursors.write("books,-stars", values, last_id)
    assert cursors.read(cursor, "books,-stars", len(values)) == (values, last_id)
    assert cursor.isascii()
    assert not set(cursor) & set("+/= &?#")
    for name, length in (("books,stars", len(values)), ("", len(values)), ("books,-stars", len(values) + 1)):
        with pytest.raises(InvalidCursor):
            cursors.read(cursor, name, length)


@given(cursor=st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))))
def test_anything_else_is_invalid(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        cursors.read(cursor, "books", 0)


@pytest.mark.parametrize(
    "value",
    [
        "[" * 1_400 + "]" * 1_400,
        '{"a":' * 700 + "1" + "}" * 700,
        '["time","0001-01-01T00:00:00+14:00"]',
        '["time","9999-12-31T23:59:59-14:00"]',
        '["time","2026-01-01T00:00:00"]',
        '["time"]',
    ],
)
def test_values_that_no_list_has_are_invalid(value: str) -> None:
    written = base64.urlsafe_b64decode(cursors.write("books,-stars", ["here"], "last") + "==")
    forged = base64.urlsafe_b64encode(written.replace(b'"here"', value.encode())).decode().rstrip("=")
    with pytest.raises(InvalidCursor):
        cursors.read(forged, "books,-stars", 1)


@given(cut=st.integers(0, 60), put=st.characters(max_codepoint=127))
def test_altered_cursors_are_invalid_or_of_the_same_kind(cut: int, put: str) -> None:
    cursor = cursors.write("books,-stars", [5], "01890a5d-ac96-774b-bcce-b302099a8057")
    altered = cursor[:cut] + put + cursor[cut + 1 :]
    try:
        values, last_id = cursors.read(altered, "books,-stars", 1)
    except InvalidCursor:
        return
    assert isinstance(values[0], str | int | float | bool | datetime | None)
    assert isinstance(last_id, str)
