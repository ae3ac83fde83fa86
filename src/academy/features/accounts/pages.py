"""HTML handlers for becoming someone and signing in."""

from contextlib import suppress
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from msgspec import Meta

from academy.features.accounts.errors import NotVerified
from academy.features.accounts.model import User
from academy.features.accounts.service import AccountService
from academy.features.accounts.sessions import Client
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, NotFoundError
from academy.web.authentication import give_cookie
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import anyone
from academy.web.pages import Pages, redirect, safe_next
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest, client_address, client_device

HOME = "/dashboard"
_CODE_SENT = "If this address has an account, a code is on its way. Only the newest code counts."

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=1, max_length=1000)]
Code = Annotated[str, Meta(min_length=6, max_length=12)]


class RegisterForm(msgspec.Struct, kw_only=True):
    """The registration form."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    email: Email
    password: Password
    next: str = ""


class VerifyForm(msgspec.Struct, kw_only=True):
    """The form for the code."""

    email: Email
    code: Code
    next: str = ""


class LoginForm(msgspec.Struct, kw_only=True):
    """The sign-in form."""

    email: Email
    password: Password
    next: str = ""


class EmailForm(msgspec.Struct, kw_only=True):
    """A form that asks for the address only."""

    email: Email
    next: str = ""


class ResetForm(msgspec.Struct, kw_only=True):
    """The form for a new password."""

    email: Email
    code: Code
    password: Password


async def _signed_in(
    request: PageRequest,
    pages: Pages,
    accounts: AccountService,
    user: User,
    location: str = HOME,
) -> Response[bytes]:
    """Begins a session with a fresh secret, in place of the browser's one, and sends the visitor on.

    Somebody who comes for the first time without a password is sent to choose one.
    """
    client = Client(device=client_device(request), address=client_address(request))
    token = await accounts.sessions.begin_browser(user, client)
    await _end_session_of(request, accounts)
    if user.password_hash is None and user.last_sign_in_at is None:
        text = "Your address is confirmed. Choose a password now, or sign in by a code each time."
        response = pages.redirect_with("info", text, "/account/security")
    else:
        response = redirect(location)
    give_cookie(request, token)
    return response


async def _end_session_of(request: PageRequest, accounts: AccountService) -> None:
    visitor = request.scope["user"]
    if visitor:
        with suppress(NotFoundError):  # it was ended a moment ago, from elsewhere or by a second click
            await accounts.sessions.end(visitor, visitor.session_id)


@get("/register", guards=[anyone], include_in_schema=False)
async def register_page(
    request: PageRequest,
    pages: NamedDependency[Pages],
    accounts: NamedDependency[AccountService],
    visitor: NamedDependency[Principal | None],
) -> Response[bytes]:
    """The registration form."""
    if visitor:
        return redirect(HOME)
    wanted = safe_next(request.query_params.get("next"), "")
    form = empty_form(RegisterForm, name="", email=request.query_params.get("email", ""), next=wanted)
    return _register_form(request, pages, accounts, form)


def _register_form(
    request: PageRequest, pages: Pages, accounts: AccountService, form: Form[RegisterForm], *, status_code: int = 200
) -> Response[bytes]:
    shortest = accounts.password_min_length
    return pages.render(
        request, "accounts/register.html", status_code=status_code, form=form, password_min_length=shortest
    )


@post("/register", guards=[anyone], include_in_schema=False, status_code=200, opt={RATE_LIMIT: Rule.CODES})
async def register(
    request: PageRequest, pages: NamedDependency[Pages], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """Makes an account and asks for the code."""
    form = await read_form(request, RegisterForm)
    if form.data is not None:
        try:
            await accounts.authentication.register(form.data.email, form.data.name, form.data.password)
        except AcademyError as error:
            form.blame(error)
        else:
            return redirect("/verify", email=form.data.email, next=safe_next(form.data.next, ""))
    return _register_form(request, pages, accounts, form, status_code=422)


@get("/verify", guards=[anyone], include_in_schema=False)
async def verify_page(
    request: PageRequest, pages: NamedDependency[Pages], visitor: NamedDependency[Principal | None]
) -> Response[bytes]:
    """The form for the code."""
    if visitor:
        return redirect(HOME)
    wanted = safe_next(request.query_params.get("next"), "")
    form = empty_form(VerifyForm, email=request.query_params.get("email", ""), code="", next=wanted)
    return pages.render(request, "accounts/verify.html", form=form)


@post("/verify", guards=[anyone], include_in_schema=False, status_code=200, opt={RATE_LIMIT: Rule.CODE_TRIES})
async def verify(
    request: PageRequest,
    pages: NamedDependency[Pages],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Takes the code and signs in."""
    form = await read_form(request, VerifyForm)
    if form.data is not None:
        try:
            user = await accounts.authentication.verify(form.data.email, form.data.code)
        except AcademyError as error:
            form.blame(error)
        else:
            wanted = safe_next(form.data.next, HOME)
            return await _signed_in(request, pages, accounts, user, wanted)
    return pages.render(request, "accounts/verify.html", status_code=422, form=form)


@post("/verify/resend", guards=[anyone], include_in_schema=False, status_code=200, opt={RATE_LIMIT: Rule.CODES})
async def resend(
    request: PageRequest, pages: NamedDependency[Pages], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """Sends the code again."""
    form = await read_form(request, EmailForm)
    if form.data is None:
        return redirect("/register")
    await accounts.authentication.send_code(form.data.email)
    wanted = safe_next(form.data.next, "")
    return pages.redirect_with("info", _CODE_SENT, "/verify", email=form.data.email, next=wanted)


@get("/login", guards=[anyone], include_in_schema=False)
async def login_page(
    request: PageRequest, pages: NamedDependency[Pages], visitor: NamedDependency[Principal | None]
) -> Response[bytes]:
    """The sign-in form."""
    wanted = safe_next(request.query_params.get("next"), "")
    if visitor:
        return redirect(wanted or HOME)
    form = empty_form(LoginForm, email=request.query_params.get("email", ""), next=wanted)
    return pages.render(request, "accounts/login.html", form=form)


@post("/login", guards=[anyone], include_in_schema=False, status_code=200, opt={RATE_LIMIT: Rule.SIGN_IN_ADDRESS})
async def login(
    request: PageRequest,
    pages: NamedDependency[Pages],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Signs in with a password."""
    form = await read_form(request, LoginForm)
    if form.data is not None:
        try:
            user = await accounts.authentication.sign_in(form.data.email, form.data.password, client_address(request))
        except NotVerified as error:
            wanted = safe_next(form.data.next, "")
            return pages.redirect_with("info", error.message, "/verify", email=form.data.email, next=wanted)
        except AcademyError as error:
            form.blame(error)
        else:
            wanted = safe_next(form.data.next, HOME)
            return await _signed_in(request, pages, accounts, user, wanted)
    return pages.render(request, "accounts/login.html", status_code=422, form=form)


@post("/login/code/send", guards=[anyone], include_in_schema=False, status_code=200, opt={RATE_LIMIT: Rule.CODES})
async def send_sign_in_code(
    request: PageRequest, pages: NamedDependency[Pages], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """Sends a code for signing in and asks for it."""
    form = await read_form(request, EmailForm)
    if form.data is None:
        login_form: Form[LoginForm] = empty_form(LoginForm, email=form.values["email"], next=form.values["next"])
        login_form.errors["email"] = "Type your e-mail address first; the code goes there."
        return pages.render(request, "accounts/login.html", status_code=422, form=login_form)
    await accounts.authentication.send_code(form.data.email)
    wanted = safe_next(form.data.next, "")
    return pages.redirect_with("info", _CODE_SENT, "/login/code", email=form.data.email, next=wanted)


@get("/login/code", guards=[anyone], include_in_schema=False)
async def code_page(request: PageRequest, pages: NamedDependency[Pages]) -> Response[bytes]:
    """The form for a sign-in code."""
    wanted = safe_next(request.query_params.get("next"), "")
    form = empty_form(VerifyForm, email=request.query_params.get("email", ""), code="", next=wanted)
    return pages.render(request, "accounts/login_code.html", form=form)


@post("/login/code", guards=[anyone], include_in_schema=False, status_code=200, opt={RATE_LIMIT: Rule.CODE_TRIES})
async def login_by_code(
    request: PageRequest,
    pages: NamedDependency[Pages],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Signs in with a code."""
    form = await read_form(request, VerifyForm)
    if form.data is not None:
        try:
            user = await accounts.authentication.sign_in_by_code(form.data.email, form.data.code)
        except AcademyError as error:
            form.blame(error)
        else:
            wanted = safe_next(form.data.next, HOME)
            return await _signed_in(request, pages, accounts, user, wanted)
    return pages.render(request, "accounts/login_code.html", status_code=422, form=form)


@post("/logout", guards=[anyone], include_in_schema=False, status_code=200)
async def logout(
    request: PageRequest, pages: NamedDependency[Pages], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """Signs out."""
    await _end_session_of(request, accounts)
    give_cookie(request, "")
    return pages.redirect_with("success", "You are signed out.", "/")


@get("/forgot-password", guards=[anyone], include_in_schema=False)
async def forgot_page(request: PageRequest, pages: NamedDependency[Pages]) -> Response[bytes]:
    """Asks for the address."""
    form = empty_form(EmailForm, email=request.query_params.get("email", ""))
    return pages.render(request, "accounts/forgot_password.html", form=form)


@post("/forgot-password", guards=[anyone], include_in_schema=False, status_code=200, opt={RATE_LIMIT: Rule.CODES})
async def forgot(
    request: PageRequest, pages: NamedDependency[Pages], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """Sends a code for a new password."""
    form = await read_form(request, EmailForm)
    if form.data is None:
        return pages.render(request, "accounts/forgot_password.html", status_code=422, form=form)
    await accounts.authentication.forgot_password(form.data.email)
    return pages.redirect_with("info", _CODE_SENT, "/reset-password", email=form.data.email)


@get("/reset-password", guards=[anyone], include_in_schema=False)
async def reset_page(
    request: PageRequest, pages: NamedDependency[Pages], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """The form for a new password."""
    form = empty_form(ResetForm, email=request.query_params.get("email", ""), code="")
    return _reset_form(request, pages, accounts, form)


def _reset_form(
    request: PageRequest, pages: Pages, accounts: AccountService, form: Form[ResetForm], *, status_code: int = 200
) -> Response[bytes]:
    shortest = accounts.password_min_length
    return pages.render(
        request, "accounts/reset_password.html", status_code=status_code, form=form, password_min_length=shortest
    )


@post("/reset-password", guards=[anyone], include_in_schema=False, status_code=200, opt={RATE_LIMIT: Rule.CODE_TRIES})
async def reset(
    request: PageRequest,
    pages: NamedDependency[Pages],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Sets the new password and signs in."""
    form = await read_form(request, ResetForm)
    if form.data is not None:
        try:
            user = await accounts.authentication.reset_password(form.data.email, form.data.code, form.data.password)
        except AcademyError as error:
            form.blame(error)
        else:
            return await _signed_in(request, pages, accounts, user)
    return _reset_form(request, pages, accounts, form, status_code=422)


handlers = [
    register_page,
    register,
    verify_page,
    verify,
    resend,
    login_page,
    login,
    send_sign_in_code,
    code_page,
    login_by_code,
    logout,
    forgot_page,
    forgot,
    reset_page,
    reset,
]
