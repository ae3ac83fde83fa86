"""The key file of a Google service account."""

from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class ServiceAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of the file (https://docs.cloud.google.com/iam/docs/keys-create-delete)."""

    client_email: str
    private_key_id: str
    private_key_pem: str = msgspec.field(name="private_key")

    def private_key(self) -> RSAPrivateKey:
        """The key itself. Raises ValueError when the text is no RSA key."""
        key = load_pem_private_key(self.private_key_pem.encode(), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("the private key of a service account is an RSA key")  # noqa: TRY004 - a wrong value
        return key

    def as_json(self) -> str:
        """The account as a key file has it."""
        return msgspec.json.encode({"type": "service_account", **msgspec.to_builtins(self)}).decode()


def read_service_account(given: str) -> ServiceAccount:
    """Returns the account of a key file, given as its path or as its JSON. Raises ValueError with a sentence."""
    try:
        content = given.encode() if given.lstrip().startswith("{") else Path(given).read_bytes()
        account = msgspec.json.decode(content, type=ServiceAccount)
        account.private_key()
    except OSError as error:
        raise ValueError(f"the file cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        # What it says could quote the key.
        raise ValueError("this is not the JSON key of a service account") from error
    return account
