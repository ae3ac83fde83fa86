"""What the tests of the providers that are spoken to by HTTP share."""

import msgspec
import pytest

from academy.infrastructure.email.base import EmailMessage, EmailProvider, LogicalEmailError, TechnicalEmailError
from academy.kit.ids import new_id


def mail(to: str = "asha@example.com", **fields: str) -> EmailMessage:
    """A mail to somebody, with other fields when they are given."""
    message = EmailMessage(
        mail_id=new_id(),
        message_id=f"<{new_id()}@mail.example>",
        sender="post@mail.example",
        sender_name="Rtech Academy",
        to=to,
        subject="Welcome",
        text="Hello Asha",
        html="<p>Hello Asha</p>",
        unsubscribe_url="https://mail.example/unsubscribe?token=t",
    )
    return msgspec.structs.replace(message, **fields)


async def technical_error(provider: EmailProvider, message: EmailMessage | None = None) -> TechnicalEmailError:
    """Sends a mail, which must fail in a way that may pass, and returns the error."""
    with pytest.raises(TechnicalEmailError) as caught:
        await provider.send(message or mail())
    assert "\n" not in caught.value.message
    return caught.value


async def refusal(provider: EmailProvider, message: EmailMessage | None = None) -> str:
    """Sends a mail, which must be refused for good, and returns why."""
    with pytest.raises(LogicalEmailError) as caught:
        await provider.send(message or mail())
    return caught.value.message
