"""The certificates that SNS signs with, fetched seldom.

Anybody who knows the topic can post a message that names a certificate nobody has seen, and have it fetched before the
signature shows that it is forged. So what was fetched is kept, failures are remembered, one fetch runs at a time, and
there are few in a minute.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from academy.infrastructure.email.reports import ForgedReport
from academy.kit.clock import Clock
from academy.kit.errors import AcademyError, UnavailableError

Fetch = Callable[[str], Awaitable[bytes]]
"""Returns the body behind an address. Raises UnavailableError."""

# Amazon signs with one certificate for months; a few more can be in use around a change.
_CERTIFICATES = 4
_FETCHES, _PERIOD = 10, timedelta(minutes=1)
# SNS sends a message that was not taken again after 20 seconds, and three times in all: a failure that was remembered
# longer would cost the report. https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.retry.html
_FAILED_FOR = timedelta(seconds=15)


class SnsCertificates:
    """Certificates by address. One object may be asked many times at once."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[str, x509.Certificate] = {}
        self._failures: dict[str, tuple[datetime, AcademyError]] = {}
        self._fetched_at: deque[datetime] = deque(maxlen=_FETCHES)
        self._one_at_a_time = asyncio.Lock()

    async def get(self, url: str) -> x509.Certificate:
        """Returns the certificate behind an address, whether it is valid now or not.

        Raises ForgedReport when there is none, UnavailableError when it cannot be had now.
        """
        certificate = self._known(url)
        if certificate is None:
            async with self._one_at_a_time:
                certificate = self._known(url) or await self._fetch_and_keep(url)
        return certificate

    def _known(self, url: str) -> x509.Certificate | None:
        """Returns a kept certificate, the latest used one last. Raises the error of a fetch that has just failed."""
        if (certificate := self._kept.pop(url, None)) is not None:
            self._kept[url] = certificate
            return certificate
        failed_at, error = self._failures.get(url, (None, None))
        if failed_at is not None and error is not None and failed_at <= self._clock.now() < failed_at + _FAILED_FOR:
            raise type(error)(error.message)
        return None

    async def _fetch_and_keep(self, url: str) -> x509.Certificate:
        self._count_fetch()
        try:
            certificate = _parsed(await self._fetch(url))
        except (ForgedReport, UnavailableError) as error:
            now = self._clock.now()
            fresh = {one: failure for one, failure in self._failures.items() if now < failure[0] + _FAILED_FOR}
            self._failures = {**fresh, url: (now, error)}
            raise
        self._kept[url] = certificate
        while len(self._kept) > _CERTIFICATES:
            del self._kept[next(iter(self._kept))]
        return certificate

    def _count_fetch(self) -> None:
        """Raises UnavailableError when there were too many fetches of late."""
        now = self._clock.now()
        if len(self._fetched_at) == _FETCHES and self._fetched_at[0] <= now < self._fetched_at[0] + _PERIOD:
            raise UnavailableError("Too many certificates were asked for. Send the message again in a minute.")
        self._fetched_at.append(now)


def _parsed(pem: bytes) -> x509.Certificate:
    """Raises ForgedReport."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ForgedReport("There is no certificate at the SigningCertURL.") from error
    return certificate
