"""Gets small public files of AWS, such as the certificates that SNS signs with."""

import httpx

from academy.infrastructure.http.small_answers import SmallAnswers
from academy.kit.errors import UnavailableError


class AwsFiles:
    """Fetches as `SmallAnswers` does."""

    def __init__(self) -> None:
        self._answers = SmallAnswers("SNS")

    async def fetch(self, url: str) -> bytes:
        """Returns the body behind an address. Raises UnavailableError when there is no such answer."""
        answer = await self._answers.get(url)
        if answer.status != httpx.codes.OK:
            raise UnavailableError(f"SNS answers with {answer.status}.")
        return answer.body

    async def close(self) -> None:
        """Closes the kept connections. Safe to call twice."""
        await self._answers.close()
