"""What the media processes say of a file that cannot be used, in words for the person who uploaded it."""

NOT_A_VIDEO = (
    "This file is not a video that can be read. Export it again as MP4 (H.264 and AAC) and upload it once more."
)
NO_PICTURE = "This file has sound but no picture. Upload a video, or put the sound into a video with a still picture."
CUT_OFF = "The video breaks off before its end, as if it was not copied completely. Upload the whole file again."
DAMAGED = "Too much of this video is damaged. Export it again as MP4 (H.264 and AAC) and upload it once more."
TOO_LARGE = "The picture of this video is larger than 8K. Export it with at most 3840 × 2160 and upload it once more."
TOO_LONG = "This video is longer than 12 hours. Cut it into several parts and upload each of them."
NO_LENGTH = (
    "The length of this video cannot be told, so it may be damaged. Export it again as MP4 and upload it once more."
)


class Unusable(Exception):
    """The file cannot be used; the text says why."""
