"""What stands against a mail, asked right before it would leave.

Between the writing of a mail and its leaving lies up to a day. Who declined such mails meanwhile, or whose account was
shut, is not written to any more.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from academy.infrastructure.email.model import Mail
from academy.infrastructure.email.suppressions import SuppressionList

UnwantedMails = Callable[[Sequence[Mail]], Awaitable[Mapping[str, str]]]
"""Of some mails, returns those that the people they are for shall not get any more: id of the mail -> why, a sentence.

Asked once for up to fifty mails, so it must not cost a query for each.
"""

_SUPPRESSED = "Its address gets no mail; see Admin, Mail, Suppressed addresses."


class Objections:
    """Knows the addresses that get no mail, and asks who knows the people."""

    def __init__(self, suppressions: SuppressionList, unwanted: UnwantedMails) -> None:
        self._suppressions = suppressions
        self._unwanted = unwanted

    async def among(self, mails: Sequence[Mail]) -> dict[str, str]:
        """Returns those of the mails that must not leave: id of the mail -> why."""
        suppressed = await self._suppressions.among([mail.to_key for mail in mails])
        objections = {mail.id: _SUPPRESSED for mail in mails if mail.to_key in suppressed}
        return {**await self._unwanted(mails), **objections}
