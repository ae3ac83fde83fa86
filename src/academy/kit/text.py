"""Rules about texts that hold everywhere."""

import contextlib
import unicodedata

import idna

# Control characters, half surrogate pairs, line and paragraph separators.
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_one_line(text: str) -> bool:
    """Whether a text can stand in one line of a page, a mail's subject or a log: nothing in it breaks or hides it."""
    return not any(unicodedata.category(character) in _BREAKING for character in text)


def email_key(address: str) -> str:
    """Returns an e-mail address in the form used for comparing: NFC, without case and outer spaces.

    Its domain is in ASCII (RFC 5891), but for one that cannot exist.
    """
    folded = unicodedata.normalize("NFC", address.strip()).casefold()
    mailbox, at, domain = folded.rpartition("@")
    if not domain.isascii():
        with contextlib.suppress(idna.IDNAError):
            domain = idna.encode(domain, uts46=True).decode()
    return f"{mailbox}{at}{domain}"
