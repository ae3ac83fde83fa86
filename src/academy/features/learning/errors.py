"""What can go wrong while learning."""

from academy.kit.errors import ForbiddenError


class LessonLocked(ForbiddenError):
    """The lesson is for the enrolled."""

    code = "not_enrolled"

    def __init__(self) -> None:
        super().__init__("This lesson is for the learners of the course. Enrol to open it.")
