"""Addresses of stored objects on this site: lasting ones for public objects, signed ones that expire for all others."""

from datetime import timedelta
from urllib.parse import quote

from academy.features.videos.kinds import HLS_KEY, PUBLIC, SIZED_IMAGE
from academy.infrastructure.media.images import Shape
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


def srcset(url: str, shape: Shape, extension: str) -> str:
    """Returns all sizes of a public picture, for the attribute `srcset` of HTML.

    Args:
        url: the picture's address (see `public_url`).
        shape: what it is for.
        extension: `webp` or `avif`.

    Returns:
        Addresses with their widths in pixels; "" for a picture that is there in one size only, as it was uploaded
        before there were several.
    """
    found = SIZED_IMAGE.fullmatch(url.removeprefix(MEDIA_PATH))
    if found is None:
        return ""
    largest, folder = int(found["width"]), url.rpartition("/")[0]
    widths = [*(width for width in shape.widths if width < largest), largest]
    return ", ".join(f"{folder}/{width}.{extension} {width}w" for width in widths)


def covered(key: str) -> str:
    """Returns the path that is signed for a private object: its own, or for what is streamed that of its folder."""
    streamed = HLS_KEY.match(key)
    return f"{MEDIA_PATH}{streamed[0] if streamed else key}"


class MediaAddresses:
    """Makes addresses that hold for `seconds`."""

    def __init__(self, signer: UrlSigner, seconds: int) -> None:
        self._signer = signer
        self.seconds = seconds

    def file_url(self, key: str, name: str = "") -> str:
        """Returns the address of a stored object, to be given only to those who may have it.

        That of one file of a converted video is good for all of them: players find the others by its playlists.
        With a `name` browsers save the file under it.
        """
        if key.startswith(PUBLIC):
            return public_url(key)
        signature = self._signer.sign(signed_text(covered(key), name), timedelta(seconds=self.seconds))
        return f"{signed_text(f'{MEDIA_PATH}{key}', name)}{'&' if name else '?'}{signature}"
