"""Files beside a lesson. What is stored is the business of the feature that holds files; here stands what there is."""

import msgspec

from academy.features.courses.errors import AttachmentNotFound, TooManyAttachments
from academy.features.courses.model import Attachment, Lesson

MOST_ATTACHMENTS = 20


def with_attachment(lesson: Lesson, attachment: Attachment) -> Lesson:
    """Returns the lesson with one more attachment. Raises TooManyAttachments."""
    if len(lesson.attachments) >= MOST_ATTACHMENTS:
        raise TooManyAttachments(MOST_ATTACHMENTS)
    return msgspec.structs.replace(lesson, attachments=[*lesson.attachments, attachment])


def without_attachment(lesson: Lesson, attachment_id: str) -> Lesson:
    """Returns the lesson without one of its attachments. Raises AttachmentNotFound."""
    left = [one for one in lesson.attachments if one.id != attachment_id]
    if len(left) == len(lesson.attachments):
        raise AttachmentNotFound
    return msgspec.structs.replace(lesson, attachments=left)
