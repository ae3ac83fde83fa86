"""Settings of what YouTube is asked."""

from typing import Annotated

from msgspec import Meta, Struct


class YouTubeSettings(Struct, frozen=True, kw_only=True):
    """The YouTube Data API, version 3."""

    api_key: Annotated[
        str,
        Meta(
            title="YOUTUBE_API_KEY",
            description="API key that may use the YouTube Data API: YouTube lessons learn their length, and their "
            "title if they have none. Empty: YouTube is not asked, and they work by their address alone.",
            pattern=r"^[!-~]*\Z",
        ),
    ] = ""
    url: Annotated[
        str,
        Meta(
            title="YOUTUBE_URL",
            description="Address of the API, for tests against another server.",
            pattern=r"^https?://[^\s/]+\Z",
        ),
    ] = "https://www.googleapis.com"
