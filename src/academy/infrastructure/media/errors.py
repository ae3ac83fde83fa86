"""What can go wrong with media."""

from academy.kit.errors import AcademyError, Kind


class BrokenMedia(AcademyError):
    """The file cannot be used as what it should be. The message is a plain sentence for the person who uploaded it."""

    code = "broken_media"
    kind = Kind.INVALID


class UnreadableCaptions(AcademyError):
    """The file is no captions, or a line of it is wrong. The message names the line and says what to do."""

    code = "unreadable_captions"
    kind = Kind.INVALID
