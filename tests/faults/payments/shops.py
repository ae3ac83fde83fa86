"""An academy that sells through Stripe and Razorpay, both played by their simulators, which go by its clock."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
import pytest_asyncio

from academy.features.courses.model import Course
from academy.features.payments.model import Transaction
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.in_process import PASSWORD, TestAcademy, opened_test_academy
from tests.academies.payments import paid_course
from tests.contracts.gateways.razorpay_gateway import RazorpayUnderTest, opened_razorpay
from tests.contracts.gateways.stripe_gateway import StripeUnderTest, opened_stripe
from tests.contracts.gateways.under_test import WEBHOOK_SECRET, Fault
from tests.simulators import razorpay, stripe
from tests.simulators.webhooks import Webhook

TIMEOUT_SECONDS = 0.5
REASON = "The buyer changed their mind."


class Shop(msgspec.Struct, frozen=True):
    """The academy with one of its gateways, and the vendor behind that."""

    name: str
    academy: TestAcademy
    vendor: StripeUnderTest | RazorpayUnderTest

    async def visitor(self) -> "Visitor":
        """Returns a new buyer in front of a new course."""
        buyer = await self.academy.person()
        return Visitor(self, buyer, await paid_course(self.academy), await self.academy.signed_in_api(person=buyer))

    def loses_answers(self) -> None:
        """Lets the vendor do what it is asked, and hang up instead of saying so."""
        if isinstance(self.vendor, StripeUnderTest):
            self.vendor.stripe.lost_answers = 1_000
        else:
            self.vendor.razorpay.fault = razorpay.Fault.ANSWER_LOST

    def is_well(self) -> None:
        """Ends whatever was wrong with the vendor."""
        if isinstance(self.vendor, StripeUnderTest):
            self.vendor.stripe.lost_answers = 0
        self.vendor.breaks(Fault.NONE)

    def checkout_reference(self) -> str:
        """The vendor's id of its newest checkout."""
        if isinstance(self.vendor, StripeUnderTest):
            return list(self.vendor.stripe.sessions)[-1]
        return list(self.vendor.razorpay.orders)[-1]

    def refund_references(self, payment_reference: str) -> list[str]:
        """The vendor's ids of all refunds of a payment."""
        if isinstance(self.vendor, StripeUnderTest):
            return [one.id for one in self.vendor.stripe.intents[payment_reference].refunds]
        return [one.id for one in self.vendor.razorpay.refunds.values() if one.payment_id == payment_reference]

    async def deliver(self, webhooks: Sequence[Webhook], *, copies: int = 1) -> None:
        """Brings webhooks to the academy, each so many times, and works them off."""
        for webhook in webhooks:
            for _ in range(copies):
                # A vendor that signs the time signs each delivery anew.
                sent = self.vendor.signed(webhook.body) if self.vendor.signs_time else webhook
                answer = await self.academy.api().post(f"webhooks/{self.name}", content=sent.body, headers=sent.headers)
                assert answer.status_code == 204, answer.text
        await self.academy.work()

    async def later(self, times: int = 1, **parts: float) -> None:
        """Lets time pass, and works off what is due, so many times."""
        for _ in range(times):
            self.academy.clock.move(**parts)
            await self.academy.work()

    async def ask_back(self, transaction: Transaction, amount: int | None = None) -> None:
        """Has an admin send money back: all that is left, or an amount."""
        wish = {"reason": REASON} if amount is None else {"reason": REASON, "amount": amount}
        admin = await self.academy.signed_in_api(Role.ADMIN)
        answer = await admin.post(f"transactions/{transaction.id}/refund", json=wish)
        assert answer.status_code == 202, answer.text
        await self.academy.work()

    async def sent_back(self, transaction: Transaction) -> int:
        """What the vendor has sent back of a checkout, or is about to, in minor units."""
        return (await self.academy.academy.gateways[self.name].standing(transaction.reference)).refunded


def stripe_of(shop: Shop) -> stripe.Stripe:
    """The account behind the shop that sells through Stripe."""
    assert isinstance(shop.vendor, StripeUnderTest)
    return shop.vendor.stripe


class Visitor(msgspec.Struct, frozen=True):
    """A buyer in front of a course; their API client ends with their token, when time passes."""

    shop: Shop
    buyer: Principal
    course: Course
    api: httpx.AsyncClient

    async def click(self, *, gateway: str = "", coupon: str = "") -> httpx.Response:
        """Presses the button that begins to buy: with the shop's gateway or another one."""
        wish = {"course": self.course.slug, "gateway": gateway or self.shop.name, "coupon": coupon}
        return await self.api.post("checkouts", json=wish)

    async def back(self) -> "Visitor":
        """Returns the same buyer, who signs in again after some time."""
        return Visitor(self.shop, self.buyer, self.course, await self.shop.academy.signed_in_api(person=self.buyer))

    async def deletes_account(self) -> None:
        """Deletes the account, and with it what its jobs remove."""
        answer = await self.api.request("DELETE", "me", json={"password": PASSWORD})
        assert answer.status_code == 204, answer.text
        await self.shop.academy.work()

    async def transactions(self) -> list[Transaction]:
        """The buyer's transactions, the newest first."""
        return (await self.shop.academy.academy.payments.of_user(self.buyer.user_id)).items

    async def checkout(self, *, coupon: str = "") -> Transaction:
        """Presses the button; returns the buyer's only transaction."""
        answer = await self.click(coupon=coupon)
        assert answer.status_code == 201, answer.text
        [transaction] = await self.transactions()
        assert answer.json()["transaction_id"] == transaction.id
        return transaction

    async def paid(self) -> Transaction:
        """Buys the course; returns the buyer's only transaction."""
        transaction = await self.checkout()
        await self.shop.deliver(await self.shop.vendor.pay(transaction.reference))
        [transaction] = await self.transactions()
        return transaction

    async def is_enrolled(self) -> bool:
        """Whether the course is open to the buyer."""
        return await self.shop.academy.academy.enrolments.is_enrolled(self.buyer.user_id, self.course.id)

    async def documents(self) -> list[tuple[str, int]]:
        """The buyer's invoices and credit notes, oldest first: the beginnings of their numbers, and their amounts."""
        payments = self.shop.academy.academy.payments
        found = [document for one in await self.transactions() for document in await payments.documents(one)]
        return [(one.number.partition("-")[0], one.quote.total) for one in sorted(found, key=lambda one: one.id)]


class Vendors(msgspec.Struct, frozen=True):
    """Both vendors, whatever becomes of the academies that sell through them."""

    stripe: StripeUnderTest
    razorpay: RazorpayUnderTest


@asynccontextmanager
async def opened_vendors() -> AsyncIterator[Vendors]:
    """Gives both vendors."""
    async with opened_stripe() as by_stripe, opened_razorpay() as by_razorpay:
        yield Vendors(by_stripe, by_razorpay)


@asynccontextmanager
async def opened_academy(
    home: Path, vendors: Vendors, *, offered: str = "stripe,razorpay", **variables: str
) -> AsyncIterator[dict[str, Shop]]:
    """Gives the academy in `home`, by each of its gateways; `variables` are more environment variables."""
    environment = {
        "PAYMENT_GATEWAYS": offered,
        "GATEWAY_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "STRIPE_SECRET_KEY": stripe.SECRET_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_URL": vendors.stripe.stripe.url,
        "RAZORPAY_KEY_ID": razorpay.KEY_ID,
        "RAZORPAY_KEY_SECRET": razorpay.KEY_SECRET,
        "RAZORPAY_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "RAZORPAY_URL": vendors.razorpay.razorpay.url,
    }
    async with opened_test_academy(home, **environment | variables) as academy:
        vendors.stripe.stripe.clock = vendors.razorpay.razorpay.clock = academy.clock
        await academy.work()  # from now on what is scheduled is due when time passes
        yield {
            "stripe": Shop("stripe", academy, vendors.stripe),
            "razorpay": Shop("razorpay", academy, vendors.razorpay),
        }


@asynccontextmanager
async def opened_shops(home: Path) -> AsyncIterator[dict[str, Shop]]:
    """Gives a new academy, by each of its gateways."""
    async with opened_vendors() as vendors, opened_academy(home, vendors) as shops:
        yield shops


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_shops(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, Shop]]:
    """One such academy for all tests of a module, by each of its gateways."""
    async with opened_shops(tmp_path_factory.mktemp("academy")) as opened:
        yield opened
