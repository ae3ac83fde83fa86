"""Chooses the providers by the settings: the only place that knows them all."""

from academy.infrastructure.email.base import EmailProvider
from academy.infrastructure.email.chain import ProviderChain
from academy.infrastructure.email.inbox import InboxProvider
from academy.infrastructure.email.sendgrid import SendGridProvider
from academy.infrastructure.email.ses import SesProvider
from academy.infrastructure.email.settings import EmailSettings, SendGridSettings, SesSettings, SmtpSettings
from academy.infrastructure.email.smtp import SmtpProvider
from academy.kit.clock import Clock


def make_chain(
    email: EmailSettings,
    smtp: SmtpSettings,
    sendgrid: SendGridSettings,
    ses: SesSettings,
    inbox: InboxProvider | None,
    clock: Clock,
) -> ProviderChain:
    """Returns the providers of EMAIL_PROVIDER and EMAIL_FALLBACKS; none of them is connected yet.

    Without an `inbox` (in production) EMAIL_PROVIDER has to name another one: else ValueError.
    """
    seconds = email.timeout_seconds

    def provider(name: str) -> EmailProvider:
        match name:
            case "smtp":
                return SmtpProvider(smtp, seconds, clock)
            case "sendgrid":
                return SendGridProvider(sendgrid, seconds)
            case "ses":
                return SesProvider(ses, seconds, clock, sender=email.sender)
            case _ if inbox is not None:
                return inbox
            case _:
                raise ValueError("EMAIL_PROVIDER=inbox shows mail to everybody and is not for production.")

    rates = {"smtp": smtp.rate, "sendgrid": sendgrid.rate, "ses": ses.rate}
    return ProviderChain([provider(name) for name in email.chain], rates, clock)
