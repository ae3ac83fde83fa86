"""What can go wrong with courses and reviews."""

from academy.kit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError


class CourseNotFound(NotFoundError):
    """There is no such course, or the caller may not see it."""

    code = "course_not_found"

    def __init__(self) -> None:
        super().__init__("There is no course at this address. It may have been renamed or taken back.")


class LessonNotFound(NotFoundError):
    """The course has no such lesson."""

    code = "lesson_not_found"

    def __init__(self) -> None:
        super().__init__("This course has no such lesson (any more).")


class NotYourCourse(ForbiddenError):
    """Only the course's instructors and admins may change it."""

    code = "not_your_course"

    def __init__(self) -> None:
        super().__init__("Only the instructors of this course may do this.")


class CategoryNotFound(NotFoundError):
    """There is no such category."""

    code = "category_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such subject (any more).")


class CategoryInUse(ConflictError):
    """Courses are in the category."""

    code = "category_in_use"

    def __init__(self) -> None:
        super().__init__("Courses are in this subject. Give them another one first, drafts too.")


class SlugTaken(ConflictError):
    """Another course has this address."""

    code = "slug_taken"

    def __init__(self) -> None:
        text = "Another course has this address already. Choose another title or address."
        super().__init__(text, fields={"slug": text})


class NotReadyToPublish(ConflictError):
    """The course lacks something; `fields` lists what."""

    code = "not_ready_to_publish"

    def __init__(self, missing: dict[str, str]) -> None:
        super().__init__("The course cannot be published yet. " + " ".join(missing.values()), fields=missing)


class CourseHasLearners(ConflictError):
    """Learners would lose what they have."""

    code = "course_has_learners"

    def __init__(self) -> None:
        super().__init__("This course has learners. Unpublish it instead: they keep what they have.")


class InvalidCurriculum(InvalidError):
    """The curriculum breaks a rule."""

    code = "invalid_curriculum"


class OnlyLearnersReview(ForbiddenError):
    """Only those who are enrolled may review."""

    code = "only_learners_review"

    def __init__(self) -> None:
        super().__init__("Enrol in the course first: only its learners may review it.")


class AttachmentNotFound(NotFoundError):
    """The lesson has no such attachment."""

    code = "attachment_not_found"

    def __init__(self) -> None:
        super().__init__("This lesson has no such attachment (any more).")


class TooManyAttachments(ConflictError):
    """The lesson has as many attachments as it may have."""

    code = "too_many_attachments"

    def __init__(self, most: int) -> None:
        super().__init__(f"A lesson has at most {most} attachments. Remove one first, or put several into an archive.")
