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

HIDES_ARCHIVE = "An archive is hidden behind this file. Save it again with the program that it is for, and upload that."
DAMAGED_ARCHIVE = "This archive is damaged or not complete. Pack it again and upload it once more."
ANOTHER_OFFICE = "This is an archive, not a document of Office. Save it again with Word, Excel or PowerPoint."
TOO_MANY_MEMBERS = "This archive holds more than 10,000 files. Pack less into one."
BOMB = (
    "This archive would unpack to a hundred times its size and more, as those do that are made to do harm. Leave out "
    "what is empty or the same over and over, and pack it again."
)
TOO_DEEP = "This archive holds archives in archives in archives. Unpack the inner ones and pack it again."
OVERLAPPING = "The files in this archive share their bytes, as in those that are made to do harm. Pack it again."
LYING = "This archive says that its files are smaller than they are. Pack it again."
LEADING_OUT = "A file in this archive has a name that leads out of its folder. Pack it again without such names."
DEVICES = "This archive holds devices of a system. Pack it again without them."
TOO_SLOW = "Looking through this archive took too long. Pack less into one."


class Unusable(Exception):
    """The file cannot be used; the text says why."""
