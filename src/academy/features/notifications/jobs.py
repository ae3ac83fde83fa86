"""Which events are told by mail."""

from academy.features.courses.model import CourseReviewed
from academy.features.enrolment.model import LearnerEnrolled
from academy.features.learning.model import CourseCompleted
from academy.features.notifications.service import NotificationService
from academy.features.payments.model import PaymentReceived, PaymentRefunded
from academy.infrastructure.jobs.base import JobRegistry


def register_jobs(registry: JobRegistry, notifications: NotificationService) -> None:
    """Subscribes to the events of the features below."""
    registry.subscribe(LearnerEnrolled, "confirmation", notifications.confirm_enrolment)
    registry.subscribe(PaymentReceived, "receipt", notifications.send_receipt)
    registry.subscribe(PaymentRefunded, "notice", notifications.send_refund_notice)
    registry.subscribe(CourseCompleted, "congratulation", notifications.congratulate)
    registry.subscribe(CourseReviewed, "teachers", notifications.tell_teachers)
