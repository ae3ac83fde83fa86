"""Passwords: rules, hashes, and nobody waits for them."""

import asyncio
import time

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.security.passwords import PasswordHasher, TooManyPasswords, WeakPassword
from academy.kit.errors import Kind

RULES = PasswordHasher(rounds=4, min_length=10)


def refusal(password: str, field: str = "password") -> WeakPassword:
    with pytest.raises(WeakPassword) as caught:
        RULES.check_rules(password, field)
    return caught.value


async def test_a_password_fits_its_hash_and_no_other() -> None:
    hashed = await RULES.hash("correct horse")
    assert await RULES.verify("correct horse", hashed)
    assert not await RULES.verify("correct horse ", hashed)
    assert not await RULES.verify("Correct horse", hashed)
    assert not await RULES.verify("", hashed)


async def test_a_hash_is_bcrypt_with_the_rounds_of_the_settings_and_its_own_salt() -> None:
    one, two = await PasswordHasher(5, 10).hash("correct horse"), await PasswordHasher(5, 10).hash("correct horse")
    assert one.startswith("$2b$05$")
    assert len(one) == 60
    assert one != two
    assert bcrypt.checkpw(b"correct horse", one.encode())


@pytest.mark.parametrize("password", ["x" * 10, "x" * 72, "पासवर्ड लंबा", "é" * 36, "emoji 🎉🎉🎉 password"])
async def test_good_passwords(password: str) -> None:
    RULES.check_rules(password)
    assert await RULES.verify(password, await RULES.hash(password))


@pytest.mark.parametrize("password", ["x" * 73, "é" * 37, "x" * 71 + "é", "🎉" * 19])
def test_more_than_72_bytes_are_refused_and_why(password: str) -> None:
    error = refusal(password, "new_password")
    assert "72 bytes" in error.fields["new_password"]
    assert error.message == error.fields["new_password"]
    assert (error.kind, error.code) == (Kind.INVALID, "password_refused")


@pytest.mark.parametrize("password", ["", "x" * 9, "é" * 9])
def test_a_short_password_is_refused_and_why(password: str) -> None:
    assert refusal(password).fields == {"password": "Use at least 10 characters."}


def test_a_null_character_is_refused() -> None:
    assert "null" in refusal("x" * 10 + "\0").message


async def test_what_bcrypt_cannot_see_is_never_right() -> None:
    hashed = await RULES.hash("x" * 72)
    assert await RULES.verify("x" * 72, hashed)
    assert not await RULES.verify("x" * 73, hashed), "the first 72 bytes are not enough"
    assert not await RULES.verify("x" * 72 + "\0", hashed)


async def test_nobody_s_password_is_never_right() -> None:
    for password in ("", "nobody", "somebody", "x" * 100):
        assert not await RULES.verify(password, None)


async def test_an_unknown_account_takes_as_long_as_a_known_one() -> None:
    hasher = PasswordHasher(rounds=8, min_length=10)
    hashed = await hasher.hash("correct horse")

    async def quickest(hash_or_none: str | None) -> float:
        taken = []
        for _ in range(5):
            begun = time.perf_counter()
            await hasher.verify("something else", hash_or_none)
            taken.append(time.perf_counter() - begun)
        return min(taken)

    known, unknown = await quickest(hashed), await quickest(None)
    assert 0.5 < unknown / known < 2


def test_a_hash_of_fewer_rounds_is_made_anew() -> None:
    hashed = bcrypt.hashpw(b"x", bcrypt.gensalt(5)).decode()
    assert PasswordHasher(6, 10).needs_rehash(hashed)
    assert not PasswordHasher(5, 10).needs_rehash(hashed)
    assert not PasswordHasher(4, 10).needs_rehash(hashed), "less would be weaker"


async def test_hashing_does_not_hold_up_the_event_loop() -> None:
    hasher = PasswordHasher(rounds=11, min_length=10)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.001)
            beats += 1

    beating = asyncio.create_task(beat())
    await asyncio.gather(*(hasher.hash("correct horse") for _ in range(4)))
    beating.cancel()
    assert beats > 20, "hashing on the loop leaves room for one beat between two hashes"


async def test_of_a_flood_only_so_many_wait_that_the_others_do_not_wait_long() -> None:
    hasher = PasswordHasher(rounds=6, min_length=10)
    results = await asyncio.gather(*(hasher.verify("x", None) for _ in range(200)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, TooManyPasswords)]
    assert len(refused) == 200 - 52, "two at work, fifty waiting"
    assert (refused[0].kind, refused[0].retry_after) == (Kind.UNAVAILABLE, 2)
    assert await hasher.verify("correct horse", await hasher.hash("correct horse"))


@settings(deadline=None)
@given(st.text(max_size=100))
def test_any_text_is_accepted_or_refused_with_a_reason(password: str) -> None:
    fits = len(password) >= 10 and len(password.encode()) <= 72 and "\0" not in password
    if fits:
        RULES.check_rules(password)
    else:
        assert refusal(password).fields["password"].endswith((".", ")."))
