"""Settings of the conversion of videos."""

from typing import Annotated

from msgspec import Meta, Struct


class MediaSettings(Struct, frozen=True, kw_only=True):
    """How videos are converted for streaming."""

    conversions: Annotated[
        int,
        Meta(
            title="CONVERSION_CONCURRENCY",
            description="Videos that one worker converts at the same time, beside its other jobs. "
            "0: none, where a worker on another machine does it.",
            ge=0,
            le=16,
        ),
    ] = 1
    seconds_per_second: Annotated[
        int,
        Meta(
            title="CONVERSION_SECONDS_PER_SECOND",
            description="How long a conversion may take, in seconds for each second of the video; "
            "ten minutes are always allowed.",
            ge=1,
            le=1000,
        ),
    ] = 30
