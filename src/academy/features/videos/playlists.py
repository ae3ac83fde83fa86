"""Playlists and tracks on their way to a player: what they name can be fetched with the signature they came with."""

import re

# Endings of the files whose lines are addresses.
LISTS = (".m3u8", ".vtt")
# Addresses in playlists stand alone on a line or in an attribute of a tag (RFC 8216, section 4), those in our tracks
# alone on a line and with a fragment. All are relative and made by us.
_ADDRESS = re.compile(r'(?m)(?<=URI=")[^"]+(?=")|^(?!#)[a-z0-9_./-]+\.(?:m3u8|m4s|mp4|webp)')


def with_token(text: str, token: str) -> str:
    """Returns the playlist or track with the query `token` (of safe characters) behind every address in it."""
    return _ADDRESS.sub(lambda found: f"{found[0]}?{token}", text)
