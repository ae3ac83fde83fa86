"""The providers in the order in which they are tried."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from academy.infrastructure.email.base import EmailMessage, EmailProvider, LogicalEmailError, Taken, TechnicalEmailError
from academy.infrastructure.email.rate import RateLimit
from academy.kit.circuit import CircuitBreaker
from academy.kit.clock import Clock

_FAILURES, _PAUSE = 5, timedelta(seconds=30)
# Who waits longer for a provider's rate limit asks the next provider.
_LONGEST_WAIT = 5.0


class _Link:
    """A provider, and what its last calls told."""

    def __init__(self, provider: EmailProvider, per_second: float, clock: Clock) -> None:
        self.provider = provider
        self.breaker = CircuitBreaker(clock, failures=_FAILURES, pause=_PAUSE)
        self._rate = RateLimit(per_second)
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
        if not self.breaker.allows():
            raise TechnicalEmailError(f"left alone for a while, after: {self._last_failure}")
        try:
            await self._hand_over(message)
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

    async def _hand_over(self, message: EmailMessage) -> None:
        if not await self._rate.wait(_LONGEST_WAIT):
            raise TechnicalEmailError("its rate limit is reached", throttled=True)
        await self.provider.send(message)

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

    def __init__(self, providers: Sequence[EmailProvider], rates: Mapping[str, float], clock: Clock) -> None:
        """`rates`: provider name -> most mails a second in this process; missing or 0: no limit."""
        self._links = [_Link(provider, rates.get(provider.name, 0), clock) for provider in providers]

    async def send(self, message: EmailMessage) -> Taken:
        """Returns who took the message, and who could not.

        Raises LogicalEmailError when it was refused, TechnicalEmailError when no provider could be had.
        """
        reasons: dict[str, str] = {}
        unable, about_recipient = 0, False
        for link in self._links:
            reason = link.inability(message)
            if reason:
                unable += 1
            else:
                try:
                    await link.send(message)
                except LogicalEmailError as error:
                    raise LogicalEmailError(f"{link.name}: {error.message}") from error
                except TechnicalEmailError as error:
                    about_recipient = about_recipient or error.about_recipient
                    reason = error.message
                else:
                    return Taken(link.name, reasons)
            reasons[link.name] = reason
        told = " · ".join(f"{name}: {reason}" for name, reason in reasons.items())
        if unable == len(self._links):
            raise LogicalEmailError(told)
        raise TechnicalEmailError(told, about_recipient=about_recipient)

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
