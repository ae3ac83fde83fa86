"""Has the people of the demo academy buy what costs, at the rehearsal gateway."""

import httpx

from academy.composition import Academy
from academy.demo.accounts import DEMO_COUPON
from academy.features.courses.model import Course
from academy.features.payments.checkout import Wish
from academy.features.payments.coupons import CouponDetails
from academy.features.payments.inbox import WebhookInbox
from academy.features.payments.taxes import TaxDetails
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import InvalidError

WELCOME = CouponDetails(code=DEMO_COUPON, percent=25, once_per_buyer=False)
GST = TaxDetails(country="IN", name="GST", basis_points=1800, inclusive=True)


class DemoSales:
    """Sales. Where buyers are not offered the rehearsal gateway, they are enrolled without paying."""

    def __init__(self, academy: Academy) -> None:
        self._academy = academy
        if academy.rehearsal is not None:
            academy.rehearsal.transport = _StraightIn(academy.webhook_inbox)

    async def set_prices(self) -> None:
        """Adds a tax and a coupon, if they are not there yet."""
        if GST.name not in {rule.name for rule in await self._academy.taxes.all()}:
            await self._academy.taxes.add(GST)
        try:
            await self._academy.coupons.create(WELCOME)
        except InvalidError:
            return  # an earlier loading, which was cut off, made it

    async def enrol(self, learner: Principal, course: Course, *, coupon: str = "") -> None:
        """Has a learner get a course, the way its price wants; whoever has it already keeps it."""
        rehearsal = self._academy.rehearsal
        if rehearsal is None or course.price.is_free:
            await self._academy.enrolments.grant(learner, course)
        elif not await self._academy.enrolments.is_enrolled(learner.user_id, course.id):
            wish = Wish(slug=course.slug, gateway=rehearsal.name, coupon=coupon)
            transaction = await self._academy.checkouts.start(learner, wish)
            await rehearsal.pay(transaction.reference)
            await self._academy.worker.drain(long_jobs=False)


class _StraightIn(httpx.AsyncBaseTransport):
    """Hands the gateway's webhooks in: no server listens while the demo is loaded."""

    def __init__(self, inbox: WebhookInbox) -> None:
        self._inbox = inbox

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers as the webhooks' address does."""
        await self._inbox.take("rehearsal", await request.aread(), dict(request.headers))
        return httpx.Response(204)
