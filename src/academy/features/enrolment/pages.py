"""The enrol button."""

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.enrolment.errors import NotOpenForEnrolment, PaymentNeeded
from academy.features.enrolment.service import EnrolmentService
from academy.infrastructure.security.principal import Principal
from academy.web.guards import anyone
from academy.web.pages import Pages, redirect


@post("/courses/{slug:str}/enrol", guards=[anyone], include_in_schema=False, status_code=200)
async def enrol(
    slug: FromPath[str],
    visitor: NamedDependency[Principal | None],
    pages: NamedDependency[Pages],
    enrolments: NamedDependency[EnrolmentService],
) -> Response[bytes]:
    """Enrols the visitor and opens the course, or leads to its checkout; a stranger signs in first and comes back."""
    if visitor is None:
        return redirect("/login", next=f"/courses/{slug}")
    try:
        await enrolments.enrol(visitor, slug)
    except PaymentNeeded:
        return redirect(f"/checkout/{slug}")
    except NotOpenForEnrolment as error:
        return pages.redirect_with("info", error.message, f"/courses/{slug}")
    return redirect(f"/learn/{slug}")


handlers = [enrol]
