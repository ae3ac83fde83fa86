"""Identifiers and random values."""

import os
import secrets
import time
import uuid


def new_id() -> str:
    """Returns a fresh UUIDv7 (RFC 9562, section 5.7) as a 36-character string.

    Ids made later sort after ids made earlier (to the millisecond), so an index on ids grows at its end.
    """
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random_bits >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random_bits & (1 << 62) - 1
    return str(uuid.UUID(int=value))


def new_request_id() -> str:
    """Returns 24 random hexadecimal digits: enough to find a request in the logs, made in half a microsecond."""
    return os.urandom(12).hex()


def new_token() -> str:
    """Returns an unguessable URL-safe token of 256 random bits (43 characters)."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """Returns a one-time code: six random decimal digits, leading zeros kept."""
    return f"{secrets.randbelow(1_000_000):06d}"
