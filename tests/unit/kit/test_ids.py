"""Ids, tokens and codes."""

import re
import time
import uuid

from academy.kit.ids import new_code, new_id, new_token


def test_an_id_is_a_uuid_of_version_7() -> None:
    for _ in range(200):
        text = new_id()
        parsed = uuid.UUID(text)
        assert text == str(parsed)
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


def test_an_id_tells_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_id()).int >> 80
    assert before <= made <= time.time_ns() // 1_000_000


def test_later_ids_sort_after_earlier_ones() -> None:
    made: list[tuple[int, str]] = []
    while len({moment for moment, _ in made}) < 10:
        before = time.time_ns() // 1_000_000
        text = new_id()
        if before == time.time_ns() // 1_000_000:
            made.append((before, text))
    assert [moment for moment, _ in sorted(made, key=lambda one: one[1])] == [moment for moment, _ in made]


def test_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(20_000)}) == 20_000


def test_every_random_bit_of_an_id_is_used() -> None:
    ids = [uuid.UUID(new_id()).int for _ in range(500)]
    fixed = {76, 77, 78, 79, 62, 63}  # version and variant
    for bit in set(range(80)) - fixed:
        assert len({one >> bit & 1 for one in ids}) == 2, bit


def test_a_token_is_256_bits_and_safe_in_addresses() -> None:
    tokens = {new_token() for _ in range(500)}
    assert len(tokens) == 500
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_a_code_is_six_digits_with_its_zeros() -> None:
    codes = [new_code() for _ in range(2_000)]
    assert all(re.fullmatch(r"[0-9]{6}", code) for code in codes)
    assert any(code.startswith("0") for code in codes)
    assert {code[-1] for code in codes} == set("0123456789")
    assert len(set(codes)) > 1_900
