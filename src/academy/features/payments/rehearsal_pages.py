"""The page of the rehearsal gateway: `/rehearsal/…`, where a buyer says what the bank says. In development only.

It plays somebody else's site: it knows no account, only the reference in its address.
"""

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from academy.infrastructure.gateways.base import PaymentState
from academy.infrastructure.gateways.rehearsal import CheckoutOver, RehearsalGateway
from academy.web.guards import anyone
from academy.web.pages import Pages, leave, redirect
from academy.web.requests import PageRequest


def rehearsal_handlers(gateway: RehearsalGateway, public_url: str) -> list[HTTPRouteHandler]:
    """Shows the checkout, and takes what the buyer chooses."""

    @get("/rehearsal/{reference:str}", guards=[anyone], include_in_schema=False)
    async def checkout(
        request: PageRequest, reference: FromPath[str], pages: NamedDependency[Pages]
    ) -> Response[bytes]:
        payment = await gateway.payment(reference)
        is_open = payment.state is PaymentState.OPEN
        return pages.render(request, "payments/rehearsal.html", payment=payment, is_open=is_open)

    @post("/rehearsal/{reference:str}/pay", guards=[anyone], include_in_schema=False, status_code=200)
    async def pay(reference: FromPath[str]) -> Response[bytes]:
        try:
            payment = await gateway.pay(reference)
        except CheckoutOver:
            return redirect(f"/rehearsal/{reference}")
        return leave(payment.return_url, public_url)

    @post("/rehearsal/{reference:str}/decline", guards=[anyone], include_in_schema=False, status_code=200)
    async def decline(reference: FromPath[str]) -> Response[bytes]:
        try:
            payment = await gateway.decline(reference)
        except CheckoutOver:
            return redirect(f"/rehearsal/{reference}")
        return leave(payment.cancel_url, public_url)

    return [checkout, pay, decline]
