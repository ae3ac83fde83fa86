"""The providers in the order in which they are tried."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from academy.infrastructure.email.base import EmailMessage, EmailProvider, LogicalEmailError, TechnicalEmailError
from academy.infrastructure.email.rate import RateLimit
from academy.kit.circuit import CircuitBreaker
from academy.kit.clock import Clock

_FAILURES, _PAUSE = 5, timedelta(seconds=30)
# Who waits longer for a provider's rate limit asks the next provider.
_LONGEST_WAIT = 5.0


class ProviderChain:
    """Sends by the first provider that can: a technical error leads to the next one, a refusal ends the message.

    A provider that failed several times in a row is left alone for a while (`CircuitBreaker`), so that it delays no
    mail; one that is throttled is passed over for that message, or for as long as it asked for.
    """

    def __init__(self, providers: Sequence[EmailProvider], rates: Mapping[str, float], clock: Clock) -> None:
        """`rates`: provider name -> most mails a second in this process; missing or 0: no limit."""
        self._links = [
            (provider, CircuitBreaker(clock, failures=_FAILURES, pause=_PAUSE), RateLimit(rates.get(provider.name, 0)))
            for provider in providers
        ]
        self._clock = clock
        self._last_failure: dict[str, str] = {}
        self._slower_until: dict[str, datetime] = {}

    async def send(self, message: EmailMessage) -> str:
        """Returns the name of the provider that took the message.

        Raises LogicalEmailError when it was refused, TechnicalEmailError when no provider could be had.
        """
        reasons: list[str] = []
        unable, about_recipient = 0, False
        for provider, breaker, rate in self._links:
            if reason := _inability(provider, message):
                unable += 1
            elif (until := self._slower_until.get(provider.name)) and self._clock.now() < until:
                reason = f"asked us to wait until {until:%H:%M:%S} UTC"
            elif not breaker.allows():
                reason = f"left alone for a while, after: {self._last_failure.get(provider.name, 'several failures')}"
            else:
                failure = await _try(provider, breaker, rate, message)
                if failure is None:
                    return provider.name
                about_recipient = about_recipient or failure.about_recipient
                if failure.throttled and failure.retry_after:
                    self._slower_until[provider.name] = self._clock.now() + timedelta(seconds=failure.retry_after)
                reason = self._last_failure[provider.name] = failure.message
            reasons.append(f"{provider.name}: {reason}")
        told = " · ".join(reasons)
        if unable == len(self._links):
            raise LogicalEmailError(told)
        raise TechnicalEmailError(told, about_recipient=about_recipient)

    async def verify(self) -> dict[str, str]:
        """Asks every provider: name -> "" when it could send now, else what is wrong. Sends nothing, never raises."""
        verdicts = await asyncio.gather(*(provider.verify() for provider, _, _ in self._links))
        return dict(zip([provider.name for provider, _, _ in self._links], verdicts, strict=True))

    def troubled(self) -> list[str]:
        """Returns the names of the providers that are left alone at the moment."""
        return [provider.name for provider, breaker, _ in self._links if breaker.is_resting]

    async def close(self) -> None:
        """Closes the connections of all providers."""
        for provider, _, _ in self._links:
            await provider.close()


def _inability(provider: EmailProvider, message: EmailMessage) -> str:
    """Says why this provider can never carry this message; "" when it can."""
    mailbox = message.to.rpartition("@")[0]
    if not mailbox.isascii() and not provider.capabilities.non_ascii_mailboxes:
        return f"cannot reach {message.to}: the part before the @ has characters beyond ASCII"
    size = len(message.text.encode()) + len(message.html.encode())
    if size > provider.capabilities.largest_message:
        return f"the message is too large ({size:,} bytes)"
    return ""


async def _try(
    provider: EmailProvider, breaker: CircuitBreaker, rate: RateLimit, message: EmailMessage
) -> TechnicalEmailError | None:
    """Returns None when the provider took the message, else why not. Raises LogicalEmailError."""
    try:
        if not await rate.wait(_LONGEST_WAIT):
            breaker.abandoned()
            return TechnicalEmailError("its rate limit is reached", throttled=True)
        await provider.send(message)
    except LogicalEmailError as error:
        breaker.succeeded()
        raise LogicalEmailError(f"{provider.name}: {error.message}") from error
    except TechnicalEmailError as error:
        if error.about_recipient:
            breaker.succeeded()
        elif error.throttled:
            breaker.abandoned()
        else:
            breaker.failed()
        return error
    except BaseException:
        breaker.abandoned()
        raise
    breaker.succeeded()
    return None
