"""What can go wrong with videos and files."""

from academy.kit.errors import AcademyError, ConflictError, ForbiddenError, InvalidError, Kind, NotFoundError


class VideoNotFound(NotFoundError):
    """There is no such video, or the caller may not know that there is."""

    code = "video_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such video (any more).")


class VideoNotAllowed(ForbiddenError):
    """The video belongs to a course that the visitor has not joined."""

    code = "video_not_allowed"

    def __init__(self) -> None:
        super().__init__("This video is for the learners of its course. Join the course to watch it.")


class TooManyLooseFiles(ConflictError):
    """The account has as many files that belong to no course as it may have."""

    code = "too_many_loose_files"

    def __init__(self, most: int, most_bytes: int) -> None:
        super().__init__(
            f"You may have {most} files, of {most_bytes // 1_000_000} MB in all, that belong to no course. "
            "Name the course that this file is for."
        )


class VideoNotReady(ConflictError):
    """The video cannot be watched: it is still being checked, or the check failed."""

    code = "video_not_ready"


class TooManyStreams(ConflictError):
    """The account watches on as many other devices as it may at the same time."""

    code = "too_many_streams"

    def __init__(self, devices: int) -> None:
        on = "one device" if devices == 1 else f"{devices} devices"
        super().__init__(
            f"You are watching on {on} already, as many as one account may use at the same time. Stop a video there, "
            "and try again here two minutes later."
        )


class TrackNotFound(NotFoundError):
    """The video has no such captions."""

    code = "captions_not_found"

    def __init__(self) -> None:
        super().__init__("This video has no such captions (any more).")


class TrackExists(ConflictError):
    """The video has captions of this kind in this language already."""

    code = "captions_exist"

    def __init__(self) -> None:
        super().__init__(
            "This video has captions in this language already. Edit or replace those, or choose another language.",
            fields={"language": "There are captions in this language already."},
        )


class UploadNotFound(NotFoundError):
    """There is no such upload, or it is another one's."""

    code = "upload_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such upload (any more). Begin it anew.")


class UploadOver(AcademyError):
    """The upload takes no more bytes: nothing came for too long, or its file was refused."""

    code = "upload_over"
    kind = Kind.GONE


class WrongOffset(ConflictError):
    """The bytes do not continue what is stored."""

    code = "wrong_offset"

    def __init__(self, offset: int) -> None:
        super().__init__(f"{offset} bytes of this upload are stored. Go on from there.")


class UploadBusy(ConflictError):
    """Another request adds bytes to the same upload."""

    code = "upload_busy"

    def __init__(self) -> None:
        super().__init__("This upload goes on elsewhere: in another window, or over a line that broke. Try again soon.")


class TooManyParts(ConflictError):
    """The upload came in so many small pieces that no more can be kept."""

    code = "too_many_parts"

    def __init__(self) -> None:
        super().__init__("This upload came in too many small pieces. Begin it anew with pieces of 1 MB or more.")


class TooManyBytes(AcademyError):
    """More bytes came than the upload was announced to have; the last of them were not kept."""

    code = "upload_too_long"
    kind = Kind.TOO_LARGE

    def __init__(self, length: int) -> None:
        super().__init__(f"More came than the {length} bytes that this upload was announced with.")


class NoDirectUploads(ConflictError):
    """Files cannot be sent straight to where this academy keeps them."""

    code = "no_direct_uploads"

    def __init__(self) -> None:
        super().__init__(
            "This academy's storage takes no direct uploads. Send the file to the academy: in parts that go on after "
            "an interruption (POST uploads), or in one form (POST files, POST videos)."
        )


class NotArrived(ConflictError):
    """The file that was to be sent straight to the storage is not there."""

    code = "file_not_arrived"

    def __init__(self) -> None:
        super().__init__("The storage does not have this file. Send it there by its form first.")


class ChecksumMismatch(InvalidError):
    """The bytes are not those that the sender took the checksum of; none of them were kept."""

    code = "checksum_mismatch"

    def __init__(self) -> None:
        super().__init__("The bytes were damaged on their way: their checksum is another one. Send them once more.")
