"""With which keys a domain signs its mail: its DKIM records (RFC 6376)."""

import base64
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from academy.infrastructure.email.dns_records import Resolver, shown

# RFC 8301, section 3.2: receivers take no RSA key below 1024 bits; signers should use 2048 and more.
_LEAST_BITS, _GOOD_BITS = 1024, 2048
_ED25519_BYTES = 32

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def tag_list(record: str) -> dict[str, str] | None:
    """Returns the tags of a DKIM or DMARC record (RFC 6376, section 3.2); None when it is broken."""
    tags: dict[str, str] = {}
    for piece in record.strip().removesuffix(";").split(";"):
        name, equals, value = piece.partition("=")
        name = name.strip()
        if not equals or not _TAG.fullmatch(name) or name in tags:
            return None
        tags[name] = value.strip()
    return tags


async def judge_dkim(name: str, resolver: Resolver) -> tuple[str, str]:
    """Looks at the key at a name such as `s1._domainkey.example.com`. Returns status and text of a Finding.

    Raises LookupFailed.
    """
    if not (records := await resolver.txt(name)):
        alias = await resolver.cname(name)
        if not alias or not (records := await resolver.txt(alias)):
            place = f"{name}, which leads to {shown(alias)}" if alias else name
            return "fail", f"There is no DKIM key at {place}. Publish it as your provider shows it (CNAME or TXT)."
    if len(records) > 1:
        return "fail", f"{name} has {len(records)} TXT records; receivers may take the wrong one. Leave one of them."
    status, text = _key(records[0])
    return status, f"{name}: {text}"


def _key(record: str) -> tuple[str, str]:
    """Judges a key record (RFC 6376, section 3.6.1)."""
    tags = tag_list(record)
    if tags is None or "p" not in tags or ("v" in tags and (next(iter(tags)), tags["v"]) != ("v", "DKIM1")):
        return "fail", f"{shown(record)} is no DKIM key. Publish it as your provider shows it."
    if not tags["p"]:
        return "fail", "the key was revoked (p is empty). Publish the new one, or leave the selector out."
    if "sha256" not in _listed(tags.get("h", "sha256")) or not {"*", "email"} & set(_listed(tags.get("s", "*"))):
        return "fail", f"{shown(record)} is not for mail that is signed with SHA-256."
    status, text = _strength(tags.get("k", "rsa"), "".join(tags["p"].split()))
    if status == "pass" and "y" in _listed(tags.get("t", "")):
        return "warn", f"{text} It is marked as a test (t=y): receivers may ignore it. Take that away."
    return status, text


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(":")]


def _strength(kind: str, encoded: str) -> tuple[str, str]:
    unreadable = ("fail", "the key in p cannot be read: part of it may be missing. Publish it again, complete.")
    try:
        octets = base64.b64decode(encoded, validate=True)
        if kind == "ed25519":  # RFC 8463: the key itself
            return ("pass", "an Ed25519 key.") if len(octets) == _ED25519_BYTES else unreadable
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        return unreadable
    if kind != "rsa" or not isinstance(key, rsa.RSAPublicKey):
        return "fail", f"receivers know no keys of the kind {shown(kind)}, or p is another one."
    if key.key_size < _LEAST_BITS:
        return "fail", f"the RSA key has {key.key_size} bits, receivers refuse it. Make one of {_GOOD_BITS}."
    if key.key_size < _GOOD_BITS:
        return "warn", f"the RSA key has {key.key_size} bits. Make one of {_GOOD_BITS}."
    return "pass", f"an RSA key of {key.key_size} bits."
