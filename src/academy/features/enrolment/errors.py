"""What can go wrong with enrolments."""

from academy.kit.errors import ConflictError, ForbiddenError


class NotEnrolled(ForbiddenError):
    """The caller has no access to the course."""

    code = "not_enrolled"

    def __init__(self) -> None:
        super().__init__("Enrol in the course first to open this.")


class PaymentNeeded(ConflictError):
    """The course costs something; enrolment follows payment."""

    code = "payment_needed"

    def __init__(self) -> None:
        super().__init__("This course costs something: buy it on its page. Its free previews are open to everybody.")


class NotOpenForEnrolment(ConflictError):
    """The course is not in the catalogue."""

    code = "not_open_for_enrolment"

    def __init__(self) -> None:
        super().__init__("This course does not take new learners at the moment.")
