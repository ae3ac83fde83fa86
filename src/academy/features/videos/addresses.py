"""Addresses of stored objects on this site: lasting ones for public objects, signed ones that expire for all others."""

from datetime import timedelta
from urllib.parse import quote

from academy.features.videos.kinds import PUBLIC
from academy.infrastructure.storage.signing import UrlSigner

MEDIA_PATH = "/media/"


def signed_text(path: str, name: str) -> str:
    """Returns what is signed for an address: the path and, so that nobody changes it, the name to save under."""
    return f"{path}?name={quote(name, safe='')}" if name else path


def public_url(key: str) -> str:
    """Returns the lasting address of a public object (cover, avatar). Raises ValueError for another one."""
    if not key.startswith(PUBLIC):
        raise ValueError(f"{key} is not public")
    return f"{MEDIA_PATH}{key}"


class MediaAddresses:
    """Makes addresses that hold for `seconds`."""

    def __init__(self, signer: UrlSigner, seconds: int) -> None:
        self._signer = signer
        self.seconds = seconds

    def file_url(self, key: str, name: str = "") -> str:
        """Returns the address of a stored object, to be given only to those who may have it.

        With a `name` browsers save the file under it.
        """
        if key.startswith(PUBLIC):
            return public_url(key)
        text = signed_text(f"{MEDIA_PATH}{key}", name)
        signature = self._signer.sign(text, timedelta(seconds=self.seconds))
        return f"{text}{'&' if name else '?'}{signature}"
