"""The providers behind each other: who is tried, who is left alone, what ends a message."""

import asyncio

import msgspec
import pytest

from academy.infrastructure.email.base import Capabilities, EmailMessage, LogicalEmailError, TechnicalEmailError
from academy.infrastructure.email.chain import ProviderChain, TurnLater
from tests.contracts.email.post_office import UnreliableProvider
from tests.contracts.jobs.workshop import StandingClock


class Drawer:
    """A provider that takes everything."""

    name = "drawer"
    capabilities = Capabilities(
        keeps_message_id=True, non_ascii_mailboxes=True, reports_bounces=False, largest_message=1 << 20
    )

    async def send(self, message: EmailMessage) -> None:
        """Takes it."""

    async def verify(self) -> str:
        return ""

    async def close(self) -> None:
        """Holds no connection."""


class Post:
    """Two providers in a row, and a clock."""

    def __init__(self, rates: dict[str, float] | None = None) -> None:
        self.clock = StandingClock()
        self.first = UnreliableProvider(Drawer(), "first")
        self.second = UnreliableProvider(Drawer(), "second")
        self.chain = ProviderChain([self.first, self.second], rates or {}, self.clock, sleep=self.clock.sleep)

    def offered(self) -> tuple[int, int]:
        return len(self.first.offered), len(self.second.offered)


def message(to: str = "asha@example.com", text: str = "Hello") -> EmailMessage:
    return EmailMessage(
        mail_id="m",
        message_id="<m@mail.example>",
        sender="post@mail.example",
        sender_name="Academy",
        to=to,
        subject="Hello",
        text=text,
        html="<p>Hello</p>",
    )


@pytest.fixture
def post() -> Post:
    return Post()


async def test_the_first_one_sends(post: Post) -> None:
    assert (await post.chain.send(message())).provider == "first"
    assert post.offered() == (1, 0)


async def test_a_technical_error_leads_to_the_next_with_the_same_message(post: Post) -> None:
    post.first.is_down = True
    taken = await post.chain.send(message())
    assert (taken.provider, taken.passed_over) == ("second", {"first": "The server does not answer."})
    assert post.first.offered == post.second.offered == [message()]


async def test_a_refusal_ends_the_message(post: Post) -> None:
    post.first.refused = {"asha@example.com"}
    with pytest.raises(LogicalEmailError, match=r"first: There is no such mailbox\."):
        await post.chain.send(message())
    assert post.offered() == (1, 0)


async def test_when_nobody_can_all_reasons_are_told(post: Post) -> None:
    post.first.is_down = post.second.is_throttled = True
    with pytest.raises(TechnicalEmailError, match=r"first: The server does not answer\. · second: Too many mails\."):
        await post.chain.send(message())


async def test_a_dead_provider_is_left_alone_and_comes_back_by_itself(post: Post) -> None:
    post.first.is_down = True
    for _ in range(20):
        assert (await post.chain.send(message())).provider == "second"
    assert post.offered() == (5, 20)
    assert post.chain.troubled() == ["first"]
    post.clock.move(seconds=30)
    assert post.chain.troubled() == [], "it may be tried again"
    await post.chain.send(message())
    assert post.offered() == (6, 21), "one probe"
    post.first.is_down = False
    post.clock.move(seconds=60)
    assert (await post.chain.send(message())).provider == "first"
    assert (await post.chain.send(message())).provider == "first"
    assert post.chain.troubled() == []


async def test_refusals_say_that_a_provider_is_well(post: Post) -> None:
    post.first.refused = {"nobody@example.com"}
    for _ in range(10):
        with pytest.raises(LogicalEmailError):
            await post.chain.send(message("nobody@example.com"))
    assert (await post.chain.send(message())).provider == "first"


async def test_a_throttled_provider_is_passed_over_but_not_left_alone(post: Post) -> None:
    post.first.is_throttled = True
    for _ in range(10):
        assert (await post.chain.send(message())).provider == "second"
    post.first.is_throttled = False
    assert (await post.chain.send(message())).provider == "first"


async def test_a_cancelled_try_tells_nothing(post: Post) -> None:
    gate = asyncio.Event()

    async def hang(_: EmailMessage) -> None:
        await gate.wait()

    post.first.send = hang  # type: ignore[method-assign, assignment]
    for _ in range(6):
        task = asyncio.create_task(post.chain.send(message()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert post.chain.troubled() == []


async def test_who_has_no_turn_within_its_rate_is_passed_over() -> None:
    post = Post({"first": 0.1})
    assert (await post.chain.send(message())).provider == "first"
    assert (await post.chain.send(message())).provider == "second", "the next turn is ten seconds away"


async def test_who_has_to_wait_for_a_turn_is_told_until_when_and_singles_come_before_the_many() -> None:
    post = Post({"first": 0.1})
    post.second.is_down = True
    single = msgspec.structs.replace(message(), mail_id="single")
    await post.chain.send(message())
    begun, told = post.clock.now(), []
    for one, keeps_turn in ((message(), False), (single, True), (message(), False)):
        with pytest.raises(TurnLater) as later:
            await post.chain.send(one, keeps_turn=keeps_turn)
        told.append((later.value.turn_at - begun).total_seconds())
    assert told == [10, 10, 20], "only the single one keeps its turn"
    post.clock.move(seconds=10)
    with pytest.raises(TurnLater):
        await post.chain.send(message(), keeps_turn=False)
    assert (await post.chain.send(single)).provider == "first"


async def test_who_waits_for_a_connection_of_a_silent_provider_waits_for_one_round_only(post: Post) -> None:
    post.first.capabilities = msgspec.structs.replace(post.first.capabilities, at_once=16)
    chain = ProviderChain([post.first, post.second], {}, post.clock)
    silence, asked = asyncio.Event(), 0

    async def say_nothing(_: EmailMessage) -> None:
        nonlocal asked
        asked += 1
        await silence.wait()
        raise TechnicalEmailError("The server does not answer.")

    post.first.send = say_nothing  # type: ignore[method-assign, assignment]
    sending = asyncio.gather(*(chain.send(message()) for _ in range(200)))
    while asked < 16:  # noqa: ASYNC110 - it is other tasks that are waited for
        await asyncio.sleep(0)
    silence.set()
    assert {taken.provider for taken in await sending} == {"second"}
    assert asked == 16, "nobody asked once the circuit was open"


async def test_no_turn_is_spent_on_a_provider_that_is_left_alone() -> None:
    post = Post({"first": 1})
    post.first.is_down = True
    for _ in range(5):
        await post.chain.send(message())
        post.clock.move(seconds=1)
    for _ in range(20):
        assert (await post.chain.send(message())).provider == "second"
    assert len(post.first.offered) == 5
    post.clock.move(seconds=30)
    post.first.is_down = False
    assert (await post.chain.send(message())).provider == "first", "no turn was taken in vain"


async def test_what_no_provider_can_carry_is_refused_for_good(post: Post) -> None:
    narrow = Capabilities(keeps_message_id=True, non_ascii_mailboxes=False, reports_bounces=False, largest_message=1000)
    post.first.capabilities = narrow
    assert (await post.chain.send(message("आशा@example.com"))).provider == "second"
    assert (await post.chain.send(message(text="x" * 1001))).provider == "second"
    assert (await post.chain.send(message("asha@उदाहरण.example"))).provider == "first", "a domain has an ASCII form"
    post.second.capabilities = narrow
    for hopeless in (message("आशा@example.com"), message(text="x" * 1001)):
        with pytest.raises(LogicalEmailError, match=r"first: .* second: "):
            await post.chain.send(hopeless)
    post.second.capabilities = msgspec.structs.replace(narrow, largest_message=5000)
    post.second.is_down = True
    with pytest.raises(TechnicalEmailError):
        await post.chain.send(message(text="x" * 1001))


async def test_every_provider_is_verified(post: Post) -> None:
    post.second.is_down = True
    assert await post.chain.verify() == {"first": "", "second": "The server does not answer."}
    assert post.offered() == (0, 0)


async def test_a_full_mailbox_says_nothing_against_its_provider(post: Post) -> None:
    post.first.full = post.second.full = {"full@example.com"}
    for _ in range(10):
        with pytest.raises(TechnicalEmailError) as waiting:
            await post.chain.send(message("full@example.com"))
        assert waiting.value.about_recipient
    assert post.chain.troubled() == []
    assert (await post.chain.send(message())).provider == "first"


async def test_a_provider_that_says_until_when_it_is_throttled_is_asked_no_earlier(post: Post) -> None:
    async def slow_down(one: EmailMessage) -> None:
        post.first.offered.append(one)
        raise TechnicalEmailError("Too many requests.", throttled=True, retry_after=60)

    real_send, post.first.send = post.first.send, slow_down  # type: ignore[method-assign, assignment]
    for _ in range(3):
        assert (await post.chain.send(message())).provider == "second"
    assert post.offered() == (1, 3)
    post.first.send = real_send  # type: ignore[method-assign]
    post.clock.move(seconds=59)
    assert (await post.chain.send(message())).provider == "second"
    post.clock.move(seconds=1)
    assert (await post.chain.send(message())).provider == "first"
