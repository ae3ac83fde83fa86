"""What the payments ask the feature that enrols, handed in by the composition root."""

import msgspec

from academy.features.payments.model import GrantAccess, HasAccess, RevokeAccess, ServedTransactions


class AccessDoor(msgspec.Struct, frozen=True, kw_only=True):
    """The four questions."""

    grant: GrantAccess
    revoke: RevokeAccess
    is_held: HasAccess
    served: ServedTransactions
