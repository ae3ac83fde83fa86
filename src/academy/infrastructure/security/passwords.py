"""Passwords: hashed with bcrypt in threads of their own, so that nobody else waits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from academy.kit.errors import InvalidError, UnavailableError

LONGEST_PASSWORD_BYTES = 72
_THREADS = 2
# About two seconds' work for the two threads at the default cost: whoever waits longer has given up.
_MOST_WAITING = 50
_RETRY_SECONDS = 2

T = TypeVar("T")


class WeakPassword(InvalidError):
    """A new password breaks a rule."""

    code = "password_refused"


class TooManyPasswords(UnavailableError):
    """So many passwords wait to be hashed or checked that one more would wait too long."""

    code = "too_many_passwords"

    def __init__(self) -> None:
        text = "Many people are signing in at this moment. Try again in a few seconds."
        super().__init__(text, retry_after=_RETRY_SECONDS)


class PasswordHasher:
    """Hashes and checks passwords.

    Two threads do it: on a small machine more would take the processor away from everybody's requests. At most 50
    passwords wait for them, so that a flood of sign-ins cannot make everybody else wait for long.
    """

    def __init__(self, rounds: int, min_length: int) -> None:
        self._rounds = rounds
        self._min_length = min_length
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bcrypt")
        self._taken = 0

    def check_rules(self, password: str, field: str = "password") -> None:
        """Refuses a password that is too short or longer than bcrypt can see. Raises WeakPassword naming `field`."""
        text = ""
        if len(password) < self._min_length:
            text = f"Use at least {self._min_length} characters."
        elif len(password.encode()) > LONGEST_PASSWORD_BYTES:
            text = f"Use at most {LONGEST_PASSWORD_BYTES} bytes (letters outside English count two to four)."
        elif "\0" in password:
            text = "Leave out the null character."
        if text:
            raise WeakPassword(text, fields={field: text})

    async def hash(self, password: str) -> str:
        """Returns the bcrypt hash of a password that fulfils the rules. Raises TooManyPasswords."""
        return await self._run(lambda: bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._rounds)).decode())

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password is the hashed one. Takes as long without a hash, so that time tells nothing.

        Raises TooManyPasswords.
        """
        given = password.encode()
        fits = len(given) <= LONGEST_PASSWORD_BYTES and b"\0" not in given

        def check() -> bool:
            if hashed is None or not fits:
                bcrypt.hashpw(b"somebody", bcrypt.gensalt(self._rounds))
                return False
            return bcrypt.checkpw(given, hashed.encode())

        return await self._run(check)

    def needs_rehash(self, hashed: str) -> bool:
        """Whether a hash was made with fewer rounds than the setting asks for now."""
        return int(hashed.split("$")[2]) < self._rounds

    async def _run(self, work: Callable[[], T]) -> T:
        if self._taken >= _THREADS + _MOST_WAITING:
            raise TooManyPasswords
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._taken -= 1
