"""What can go wrong with videos and files."""

from academy.kit.errors import ConflictError, ForbiddenError, NotFoundError


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
