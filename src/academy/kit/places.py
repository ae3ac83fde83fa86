"""Places in a video, as people write them."""


def clock_time(seconds: float) -> str:
    """Returns a place in a video: `0:00`, `12:30`, `1:02:03`; parts of a second are left out."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
