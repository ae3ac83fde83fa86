"""Addresses by which the recipient of a mail declines more of its kind, without signing in."""

import hashlib
import hmac

from academy.features.accounts.model import Topic
from academy.kit.errors import NotFoundError

# Keeps these signatures apart from everything else that may be signed with the same secret.
_PURPOSE = b"academy unsubscribe v1\n"
_SIGNATURE_LENGTH = 32


class UnsubscribeTokens:
    """Makes and reads tokens that name an account and a topic. They hold as long as the mails that carry them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def token(self, user_id: str, topic: Topic) -> str:
        """Returns the token: URL-safe, about 80 characters."""
        return f"{user_id}.{topic}.{self._signature(user_id, topic)}"

    def read(self, token: str) -> tuple[str, Topic]:
        """Returns the account's id and the topic. Raises NotFoundError for what `token` did not make."""
        user_id, _, rest = token.partition(".")
        topic, _, signature = rest.partition(".")
        expected = self._signature(user_id, topic)
        if topic not in set(Topic) or not hmac.compare_digest(
            signature.encode("utf-8", "surrogatepass"), expected.encode()
        ):
            raise NotFoundError("This address to unsubscribe is not whole. Open it from the mail again.")
        return user_id, Topic(topic)

    def _signature(self, user_id: str, topic: str) -> str:
        message = _PURPOSE + f"{user_id}\n{topic}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:_SIGNATURE_LENGTH]
