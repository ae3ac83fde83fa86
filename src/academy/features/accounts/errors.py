"""What can go wrong with accounts."""

import math

from academy.kit.errors import AcademyError, ConflictError, ForbiddenError, InvalidError, Kind, UnauthenticatedError


class WrongCredentials(UnauthenticatedError):
    """E-mail and password do not belong together; which of them is wrong is not told."""

    code = "wrong_credentials"

    def __init__(self) -> None:
        super().__init__("This e-mail address and password do not belong together. Check both, or reset the password.")


class WrongCode(InvalidError):
    """The one-time code is wrong, used up, expired, or there is none."""

    code = "wrong_code"

    def __init__(self) -> None:
        text = "This code is wrong or no longer valid. Check it, or ask for a new one."
        super().__init__(text, fields={"code": text})


class TooManyCodes(AcademyError):
    """Codes were asked for too often."""

    code = "too_many_codes"
    kind = Kind.TOO_MANY

    def __init__(self, seconds: int) -> None:
        super().__init__(f"A code was sent a moment ago. Ask for another one in {seconds} s.", retry_after=seconds)


class CodesPaused(AcademyError):
    """Too many wrong codes were typed for an address; told for addresses without an account, too."""

    code = "codes_paused"
    kind = Kind.TOO_MANY

    def __init__(self, seconds: int) -> None:
        text = (
            "Too many wrong codes were typed for this address. "
            f"Codes for it work again in {math.ceil(seconds / 60)} min; its password works all the time."
        )
        super().__init__(text, fields={"code": text}, retry_after=seconds)


class AccountGone(UnauthenticatedError):
    """The account was deleted or shut while it did something."""

    code = "account_gone"

    def __init__(self) -> None:
        super().__init__("This account is no longer in use, so nothing was done.")


class NoAdmin(ForbiddenError):
    """Whoever acts as an admin is none (any more)."""

    code = "no_admin"

    def __init__(self) -> None:
        super().__init__("Only active admins may do this.")


class AccountSuspended(ForbiddenError):
    """The account is shut."""

    code = "account_suspended"

    def __init__(self) -> None:
        super().__init__("This account is suspended. Write to support if you think that is a mistake.")


class NotVerified(ForbiddenError):
    """The password is right, but nobody has proven yet that the address is theirs."""

    code = "not_verified"

    def __init__(self) -> None:
        super().__init__("Confirm your e-mail address first: enter the code that was sent to it.")


class EmailTaken(ConflictError):
    """Another account has this address. Only told to people who proved that the address is theirs, and to admins."""

    code = "email_taken"

    def __init__(self) -> None:
        text = "Another account uses this e-mail address."
        super().__init__(text, fields={"email": text})


class LastAdmin(ConflictError):
    """The academy would be left without an admin."""

    code = "last_admin"

    def __init__(self) -> None:
        super().__init__("This is the last active admin. Make another account admin first.")


class InvalidRefreshToken(UnauthenticatedError):
    """The refresh token is unknown, expired or was used before."""

    code = "invalid_refresh_token"

    def __init__(self) -> None:
        super().__init__("This refresh token is not valid (any more). Sign in again.")
