"""The providers in the order in which they are tried."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from academy.infrastructure.email.base import EmailMessage, EmailProvider, LogicalEmailError, Taken, TechnicalEmailError
from academy.infrastructure.email.rate import RateLimit, Sleep
from academy.kit.circuit import CircuitBreaker
from academy.kit.clock import Clock

_FAILURES, _PAUSE = 5, timedelta(seconds=30)
# Who waits longer for a provider's rate limit asks the next provider.
_LONGEST_WAIT = timedelta(seconds=5)


class TurnLater(TechnicalEmailError):
    """Nothing failed but our own patience: a provider's rate limit, which we set, has a turn for the message later.

    Attributes:
        turn_at: when that is.
    """

    def __init__(self, message: str, turn_at: datetime) -> None:
        super().__init__(message, throttled=True)
        self.turn_at = turn_at


class _NoTurn(TechnicalEmailError):
    """The next turn of this provider is too far away to wait for."""


class _Link:
    """A provider, and what its last calls told."""

    def __init__(self, provider: EmailProvider, per_second: float, clock: Clock, sleep: Sleep) -> None:
        self.provider = provider
        self.breaker = CircuitBreaker(clock, failures=_FAILURES, pause=_PAUSE)
        self.rate = RateLimit(per_second, clock, sleep)
        at_once = provider.capabilities.at_once
        self._free = asyncio.Semaphore(at_once) if at_once else contextlib.nullcontext()
        self._clock = clock
        self._last_failure = "several failures"
        self._slower_until: datetime | None = None

    @property
    def name(self) -> str:
        """Name of the provider."""
        return self.provider.name

    def inability(self, message: EmailMessage) -> str:
        """Says why this provider can never carry this message; "" when it can."""
        can = self.provider.capabilities
        if not message.to.rpartition("@")[0].isascii() and not can.non_ascii_mailboxes:
            return f"cannot reach {message.to}: the part before the @ has characters beyond ASCII"
        size = len(message.text.encode()) + len(message.html.encode())
        if size > can.largest_message:
            return f"the message is too large ({size:,} bytes)"
        return ""

    async def send(self, message: EmailMessage) -> None:
        """Hands the message over, unless the provider is to be left alone. Raises what providers raise."""
        if self._slower_until is not None and self._clock.now() < self._slower_until:
            raise TechnicalEmailError(f"asked us to wait until {self._slower_until:%H:%M:%S} UTC", throttled=True)
        if self.breaker.is_resting:
            raise self._left_alone()
        if not await self.rate.wait(message.mail_id, _LONGEST_WAIT):
            raise _NoTurn("its rate limit is reached", throttled=True)
        async with self._free:
            # Asked here: those who waited for a connection need not find out once more what those before them did.
            if not self.breaker.allows():
                raise self._left_alone()
            await self._hand_over(message)

    async def _hand_over(self, message: EmailMessage) -> None:
        try:
            await self.provider.send(message)
        except LogicalEmailError:
            self.breaker.succeeded()
            raise
        except TechnicalEmailError as error:
            self._learn(error)
            raise
        except BaseException:
            self.breaker.abandoned()
            raise
        self.breaker.succeeded()

    def _left_alone(self) -> TechnicalEmailError:
        return TechnicalEmailError(f"left alone for a while, after: {self._last_failure}")

    def _learn(self, error: TechnicalEmailError) -> None:
        self._last_failure = error.message
        if error.about_recipient:
            self.breaker.succeeded()
        elif error.throttled:
            self.breaker.abandoned()
            if error.retry_after:
                self._slower_until = self._clock.now() + timedelta(seconds=error.retry_after)
        else:
            self.breaker.failed()


class ProviderChain:
    """Sends by the first provider that can: a technical error leads to the next one, a refusal ends the message.

    A provider that failed several times in a row is left alone for a while (`CircuitBreaker`), so that it delays no
    mail; one that is throttled is passed over for that message, or for as long as it asked for.
    """

    def __init__(
        self,
        providers: Sequence[EmailProvider],
        rates: Mapping[str, float],
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`rates`: provider name -> most mails a second in this process; missing or 0: no limit."""
        self._links = [_Link(provider, rates.get(provider.name, 0), clock, sleep) for provider in providers]
        self._clock = clock
        self._sleep = sleep

    async def send(self, message: EmailMessage, *, keeps_turn: bool = True) -> Taken:
        """Returns who took the message, and who could not.

        Raises LogicalEmailError when it was refused, TurnLater when it has to wait for our own rate limit, and
        TechnicalEmailError when no provider could be had. `keeps_turn`: the turn that TurnLater names is kept for it;
        who has thousands of messages keeps none, so that single ones have theirs in between.
        """
        reasons: dict[str, str] = {}
        unable, about_recipient = 0, False
        with_a_turn: list[_Link] = []
        for link in self._links:
            reason = link.inability(message)
            if reason:
                unable += 1
            else:
                try:
                    await link.send(message)
                except LogicalEmailError as error:
                    raise LogicalEmailError(f"{link.name}: {error.message}") from error
                except _NoTurn as error:
                    with_a_turn.append(link)
                    reason = error.message
                except TechnicalEmailError as error:
                    about_recipient = about_recipient or error.about_recipient
                    reason = error.message
                else:
                    return Taken(link.name, reasons)
            reasons[link.name] = reason
        told = " · ".join(f"{name}: {reason}" for name, reason in reasons.items())
        if unable == len(self._links):
            raise LogicalEmailError(told)
        if with_a_turn:
            rate = min((link.rate for link in with_a_turn), key=RateLimit.next_turn)
            raise TurnLater(told, rate.keep_turn(message.mail_id) if keeps_turn else rate.next_turn())
        raise TechnicalEmailError(told, about_recipient=about_recipient)

    async def wait_until(self, turn: datetime) -> None:
        """Waits for the turn that a TurnLater told."""
        await self._sleep(max((turn - self._clock.now()).total_seconds(), 0))

    async def verify(self) -> dict[str, str]:
        """Asks every provider: name -> "" when it could send now, else what is wrong. Sends nothing, never raises."""
        verdicts = await asyncio.gather(*(link.provider.verify() for link in self._links))
        return dict(zip([link.name for link in self._links], verdicts, strict=True))

    def troubled(self) -> list[str]:
        """Returns the names of the providers that are left alone at the moment."""
        return [link.name for link in self._links if link.breaker.is_resting]

    async def close(self) -> None:
        """Closes the connections of all providers."""
        for link in self._links:
            await link.provider.close()
