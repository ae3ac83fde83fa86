import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.features.videos.ranges import effective_range


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        ("bytes=0-9", 100, "bytes=0-9"),
        ("bytes=0-", 100, "bytes=0-99"),
        ("Bytes = 5 -7", 100, None),
        ("bytes= 5-7 ,\t9-9", 100, "bytes=5-7,9-9"),
        ("bytes=90-1000", 100, "bytes=90-99"),
        ("bytes=-10", 100, "bytes=90-99"),
        ("bytes=-1000", 100, "bytes=0-99"),
        ("bytes=100-", 100, "bytes=100-"),
        ("bytes=-0", 100, "bytes=100-"),
        ("bytes=0-", 0, "bytes=0-"),
        ("bytes=0-0,500-600", 100, "bytes=0-0"),
        ("bytes=500-600,700-", 100, "bytes=100-"),
        ("bytes=5-4", 100, None),
        ("bytes=", 100, None),
        ("bytes", 100, None),
        ("items=0-1", 100, None),
        ("bytes=a-b", 100, None),
        ("bytes=-", 100, None),
        ("bytes=--5", 100, None),
        ("bytes=+1-2", 100, None),
        ("bytes=1_0-20", 100, None),
        ("bytes=٣-٤", 100, None),
        ("bytes=" + "9" * 5000 + "-", 100, None),
        ("bytes=" + ",".join(["0-0"] * 17), 100, None),
    ],
)
def test_what_counts_of_a_header(header: str, size: int, expected: str | None) -> None:
    assert effective_range(header, size) == expected


@given(st.text(max_size=40) | st.text("bytes=0123456789-, ", max_size=40), st.integers(0, 10**12))
def test_no_header_breaks_it_and_what_counts_is_inside_the_file(header: str, size: int) -> None:
    effective = effective_range(header, size)
    if effective is None or effective == f"bytes={size}-":
        return
    for part in effective.removeprefix("bytes=").split(","):
        first, last = map(int, part.split("-"))
        assert 0 <= first <= last < size
