"""Makes the document of a mail that is to be sent."""

from collections.abc import Mapping

from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.mime import new_message_id
from academy.infrastructure.email.model import Mail
from academy.infrastructure.email.rendering import MailKind, MailRenderer
from academy.kit.clock import Clock
from academy.kit.text import email_key


class MailWriter:
    """Writes mails from `sender`, the academy's address."""

    def __init__(self, renderer: MailRenderer, clock: Clock, *, sender: str) -> None:
        self._renderer = renderer
        self._clock = clock
        self._sender = sender

    def mail(
        self,
        kind: MailKind,
        to: Recipient,
        values: Mapping[str, str],
        *,
        cause: str | None = None,
        batch_id: str | None = None,
        unsubscribe_url: str = "",
    ) -> Mail:
        """Returns a mail, not stored yet. Raises InvalidError for a subject that is not one line."""
        now = self._clock.now()
        return Mail(
            kind=kind,
            language=to.language,
            to=to.address,
            to_key=email_key(to.address),
            user_id=to.user_id,
            values=dict(values),
            subject=self._renderer.shown_subject(kind, to.language, values),
            cause=cause,
            batch_id=batch_id,
            unsubscribe_url=unsubscribe_url,
            message_id=new_message_id(self._sender),
            created_at=now,
            updated_at=now,
        )
