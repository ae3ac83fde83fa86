"""REST handlers of the accounts: the `auth` and `me` paths."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from academy.features.accounts.model import Preferences, Profile, Topic, User
from academy.features.accounts.service import AccountService
from academy.features.accounts.sessions import Client, Tokens
from academy.features.accounts.validation import LANGUAGES, LONGEST_LINK, MOST_LINKS, THEMES
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal, Role
from academy.web.guards import anyone, signed_in
from academy.web.listing import Listing
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest, client_address, client_device

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=1, max_length=1000)]
Code = Annotated[str, Meta(pattern=r"^[0-9]{6}$", max_length=6, description="The six digits of the mail.")]
Token = Annotated[str, Meta(min_length=1, max_length=200)]


class RegisterRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A new account."""

    email: Email
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    password: Password


class EmailRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An address."""

    email: Email


class VerifyRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An address and the code that was sent to it."""

    email: Email
    code: Code


class LoginRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An address and its password."""

    email: Email
    password: Password


class RefreshRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A refresh token."""

    refresh_token: Token


class ResetPasswordRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An address, the code that was sent to it, and the new password."""

    email: Email
    code: Code
    password: Password


class ProfileAnswer(msgspec.Struct, kw_only=True):
    """What others see of a person."""

    headline: str
    bio: str
    links: list[str]
    avatar_url: str | None


class PreferencesAnswer(msgspec.Struct, kw_only=True):
    """How the academy looks to a person, the language of its mails, and the topics it does not write about."""

    language: str
    time_zone: str
    theme: str
    declined: list[Topic]


class UserAnswer(msgspec.Struct, kw_only=True):
    """The caller's account."""

    id: str
    email: str
    name: str
    role: Role
    created_at: datetime
    profile: ProfileAnswer
    preferences: PreferencesAnswer


class TokensAnswer(msgspec.Struct, kw_only=True):
    """Tokens of a new or refreshed API session; `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    user: UserAnswer


class Accepted(msgspec.Struct, kw_only=True):
    """The request was taken; the same answer for known and unknown addresses."""

    message: str


class SessionAnswer(msgspec.Struct, kw_only=True):
    """One of the caller's sessions; `current` marks the one that asks."""

    id: str
    device: str
    address: str
    created_at: datetime
    last_used_at: datetime
    current: bool


class ProfileChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole new profile."""

    headline: Annotated[str, Meta(max_length=120)] = ""
    bio: Annotated[str, Meta(max_length=2000)] = ""
    links: Annotated[list[Annotated[str, Meta(max_length=LONGEST_LINK)]], Meta(max_length=MOST_LINKS)] = []


class PreferencesChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole new preferences."""

    language: Annotated[str, Meta(description=f"One of {', '.join(LANGUAGES)}.", max_length=8)] = "en"
    time_zone: Annotated[str, Meta(max_length=60)] = "Asia/Kolkata"
    theme: Annotated[str, Meta(description=f"One of {', '.join(THEMES)}.", max_length=10)] = "auto"
    declined: Annotated[list[Topic], Meta(description="Topics to get no mail about.", max_length=len(Topic))] = []


class MeChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to change of the account; what is left out stays."""

    name: Annotated[str, Meta(min_length=1, max_length=80)] | msgspec.UnsetType = msgspec.UNSET
    profile: ProfileChange | msgspec.UnsetType = msgspec.UNSET
    preferences: PreferencesChange | msgspec.UnsetType = msgspec.UNSET


class DeleteMeRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The password, as confirmation."""

    password: Password = ""


def user_answer(user: User) -> UserAnswer:
    """Returns an account as its owner sees it."""
    key = user.profile.avatar_key
    return UserAnswer(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        created_at=user.created_at,
        profile=ProfileAnswer(
            headline=user.profile.headline,
            bio=user.profile.bio,
            links=user.profile.links,
            avatar_url=f"/media/{key}" if key else None,
        ),
        preferences=PreferencesAnswer(**msgspec.structs.asdict(user.preferences)),
    )


def _tokens_answer(tokens: Tokens) -> TokensAnswer:
    return TokensAnswer(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        token_type="Bearer",  # noqa: S106 - RFC 6750's word, not a secret
        expires_in=tokens.expires_in,
        user=user_answer(tokens.user),
    )


def _client(request: PageRequest) -> Client:
    return Client(device=client_device(request), address=client_address(request))


@post(
    "/api/v1/auth/register",
    guards=[anyone],
    tags=["auth"],
    status_code=202,
    summary="Register",
    opt={RATE_LIMIT: Rule.CODES},
)
async def register(accounts: NamedDependency[AccountService], data: JSONBody[RegisterRequest]) -> Accepted:
    """Makes an account and mails a code. The answer does not tell whether the address has an account."""
    await accounts.authentication.register(data.email, data.name, data.password)
    return Accepted(message="A code is on its way to this address. Send it to auth/verify.")


@post(
    "/api/v1/auth/verify",
    guards=[anyone],
    tags=["auth"],
    status_code=200,
    summary="Confirm the address",
    opt={RATE_LIMIT: Rule.CODE_TRIES},
)
async def verify(
    request: PageRequest, accounts: NamedDependency[AccountService], data: JSONBody[VerifyRequest]
) -> TokensAnswer:
    """Confirms the address with the mailed code and signs in."""
    user = await accounts.authentication.verify(data.email, data.code)
    return _tokens_answer(await accounts.sessions.begin_api(user, _client(request)))


@post(
    "/api/v1/auth/resend",
    guards=[anyone],
    tags=["auth"],
    status_code=202,
    summary="Send the code again",
    opt={RATE_LIMIT: Rule.CODES},
)
async def resend(accounts: NamedDependency[AccountService], data: JSONBody[EmailRequest]) -> Accepted:
    """Sends the code again, at most every half minute and a few times an hour."""
    await accounts.authentication.send_code(data.email)
    return Accepted(message="If this address waits for a code, one is on its way.")


@post(
    "/api/v1/auth/login",
    guards=[anyone],
    tags=["auth"],
    status_code=200,
    summary="Sign in",
    opt={RATE_LIMIT: Rule.SIGN_IN_ADDRESS},
)
async def login(
    request: PageRequest, accounts: NamedDependency[AccountService], data: JSONBody[LoginRequest]
) -> TokensAnswer:
    """Signs in with address and password."""
    user = await accounts.authentication.sign_in(data.email, data.password, client_address(request))
    return _tokens_answer(await accounts.sessions.begin_api(user, _client(request)))


@post("/api/v1/auth/refresh", guards=[anyone], tags=["auth"], status_code=200, summary="Exchange a refresh token")
async def refresh(accounts: NamedDependency[AccountService], data: JSONBody[RefreshRequest]) -> TokensAnswer:
    """Returns new tokens. A refresh token works once: used again, it ends its whole session."""
    return _tokens_answer(await accounts.sessions.refresh(data.refresh_token))


@post("/api/v1/auth/logout", guards=[anyone], tags=["auth"], status_code=204, summary="Sign out")
async def logout(accounts: NamedDependency[AccountService], data: JSONBody[RefreshRequest]) -> None:
    """Ends the session of a refresh token."""
    await accounts.sessions.end_api(data.refresh_token)


@post(
    "/api/v1/auth/forgot-password",
    guards=[anyone],
    tags=["auth"],
    status_code=202,
    summary="Ask for a reset code",
    opt={RATE_LIMIT: Rule.CODES},
)
async def forgot_password(accounts: NamedDependency[AccountService], data: JSONBody[EmailRequest]) -> Accepted:
    """Mails a code for a new password. The answer does not tell whether the address has an account."""
    await accounts.authentication.forgot_password(data.email)
    return Accepted(message="If this address has an account, a code is on its way.")


@post(
    "/api/v1/auth/reset-password",
    guards=[anyone],
    tags=["auth"],
    status_code=200,
    summary="Set a new password",
    opt={RATE_LIMIT: Rule.CODE_TRIES},
)
async def reset_password(
    request: PageRequest, accounts: NamedDependency[AccountService], data: JSONBody[ResetPasswordRequest]
) -> TokensAnswer:
    """Sets a new password with the mailed code, ends all sessions, and signs in."""
    user = await accounts.authentication.reset_password(data.email, data.code, data.password)
    return _tokens_answer(await accounts.sessions.begin_api(user, _client(request)))


@get("/api/v1/me", guards=[signed_in], tags=["me"], summary="My account")
async def get_me(principal: NamedDependency[Principal], accounts: NamedDependency[AccountService]) -> UserAnswer:
    """Returns the caller's account."""
    return user_answer(await accounts.user(principal.user_id))


@patch("/api/v1/me", guards=[signed_in], tags=["me"], summary="Change my account")
async def change_me(
    principal: NamedDependency[Principal], accounts: NamedDependency[AccountService], data: JSONBody[MeChange]
) -> UserAnswer:
    """Changes name, profile and preferences."""
    profile, preferences = data.profile or None, data.preferences or None
    user = await accounts.change(
        principal,
        name=data.name or None,
        profile=Profile(**msgspec.structs.asdict(profile)) if profile else None,
        preferences=Preferences(**msgspec.structs.asdict(preferences)) if preferences else None,
    )
    return user_answer(user)


@delete("/api/v1/me", guards=[signed_in], tags=["me"], summary="Delete my account")
async def delete_me(
    principal: NamedDependency[Principal], accounts: NamedDependency[AccountService], data: JSONBody[DeleteMeRequest]
) -> None:
    """Deletes the caller's account for good."""
    await accounts.delete(principal, data.password)


@get("/api/v1/me/sessions", guards=[signed_in], tags=["me"], summary="My sessions")
async def my_sessions(
    principal: NamedDependency[Principal], accounts: NamedDependency[AccountService]
) -> Listing[SessionAnswer]:
    """Returns the caller's sessions, last used first."""
    items = [
        SessionAnswer(
            id=session.id,
            device=session.device,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            current=session.id == principal.session_id,
        )
        for session in await accounts.sessions.list_of(principal)
    ]
    return Listing(items=items, next_cursor=None)


@delete("/api/v1/me/sessions/{session_id:str}", guards=[signed_in], tags=["me"], summary="End one of my sessions")
async def end_session(
    session_id: FromPath[str], principal: NamedDependency[Principal], accounts: NamedDependency[AccountService]
) -> None:
    """Signs one of the caller's clients out at once."""
    await accounts.sessions.end(principal, session_id)


@get("/api/v1/me/export", guards=[signed_in], tags=["me"], summary="Everything kept about me")
async def export_me(
    principal: NamedDependency[Principal], accounts: NamedDependency[AccountService]
) -> dict[str, object]:
    """Returns all data the academy keeps about the caller."""
    return await accounts.export(principal)


handlers = [
    register,
    verify,
    resend,
    login,
    refresh,
    logout,
    forgot_password,
    reset_password,
    get_me,
    change_me,
    delete_me,
    my_sessions,
    end_session,
    export_me,
]
