"""HTML handlers of the account: profile, preferences, security, sessions, my data."""

from typing import Annotated
from zoneinfo import available_timezones

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from academy.features.accounts.model import Preferences, Profile
from academy.features.accounts.service import THEMES, AccountService
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.authentication import SESSION_COOKIE
from academy.web.forms import empty_form, read_form
from academy.web.guards import signed_in
from academy.web.pages import Pages
from academy.web.requests import PageRequest

Password = Annotated[str, Meta(min_length=1, max_length=1000)]


class ProfileForm(msgspec.Struct, kw_only=True):
    """What others see; links one a line."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    headline: Annotated[str, Meta(max_length=120)] = ""
    bio: Annotated[str, Meta(max_length=2000)] = ""
    links: Annotated[str, Meta(max_length=1000)] = ""


class PreferencesForm(msgspec.Struct, kw_only=True):
    """How the academy looks and writes."""

    theme: str = "auto"
    time_zone: str = "Asia/Kolkata"
    notify_announcements: bool = False
    notify_replies: bool = False


class PasswordForm(msgspec.Struct, kw_only=True):
    """The present and the new password."""

    current_password: Annotated[str, Meta(max_length=1000)] = ""
    password: Password


class EmailChangeForm(msgspec.Struct, kw_only=True):
    """The new address."""

    email: Annotated[str, Meta(min_length=3, max_length=254)]


class EmailCodeForm(msgspec.Struct, kw_only=True):
    """The code that was sent to the new address."""

    code: Annotated[str, Meta(min_length=6, max_length=12)]


class DeletionForm(msgspec.Struct, kw_only=True):
    """The password, as confirmation."""

    password: Annotated[str, Meta(max_length=1000)] = ""


@get("/account", guards=[signed_in], include_in_schema=False)
async def profile_page(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """The profile."""
    user = await accounts.user(principal.user_id)
    form = empty_form(
        ProfileForm,
        name=user.name,
        headline=user.profile.headline,
        bio=user.profile.bio,
        links="\n".join(user.profile.links),
    )
    return pages.render(request, "accounts/account/profile.html", form=form)


@post("/account", guards=[signed_in], include_in_schema=False, status_code=200)
async def save_profile(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Saves the profile."""
    form = await read_form(request, ProfileForm)
    if form.data is not None:
        profile = Profile(headline=form.data.headline, bio=form.data.bio, links=form.data.links.splitlines())
        try:
            await accounts.change_profile(principal, form.data.name, profile)
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", "Saved.", "/account")
    return pages.render(request, "accounts/account/profile.html", status_code=422, form=form)


@get("/account/preferences", guards=[signed_in], include_in_schema=False)
async def preferences_page(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """The preferences."""
    held = (await accounts.user(principal.user_id)).preferences
    form = empty_form(PreferencesForm, **msgspec.structs.asdict(held))
    return pages.render(
        request,
        "accounts/account/preferences.html",
        form=form,
        themes=THEMES,
        time_zones=sorted(available_timezones()),
    )


@post("/account/preferences", guards=[signed_in], include_in_schema=False, status_code=200)
async def save_preferences(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Saves the preferences."""
    form = await read_form(request, PreferencesForm)
    if form.data is not None:
        try:
            await accounts.change_preferences(principal, Preferences(**msgspec.structs.asdict(form.data)))
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", "Saved.", "/account/preferences")
    return pages.render(
        request,
        "accounts/account/preferences.html",
        status_code=422,
        form=form,
        themes=THEMES,
        time_zones=sorted(available_timezones()),
    )


def _security(
    request: PageRequest, pages: Pages, *, waiting_for_code: bool = False, status_code: int = 200, **forms: object
) -> Response[bytes]:
    shown = {
        "password_form": empty_form(PasswordForm),
        "email_form": empty_form(EmailChangeForm, email=""),
        "code_form": empty_form(EmailCodeForm, code=""),
        **forms,
    }
    return pages.render(
        request,
        "accounts/account/security.html",
        status_code=status_code,
        waiting_for_code=waiting_for_code,
        **shown,
    )


@get("/account/security", guards=[signed_in], include_in_schema=False)
async def security_page(request: PageRequest, pages: NamedDependency[Pages]) -> Response[bytes]:
    """Password and address."""
    return _security(request, pages, waiting_for_code="code" in request.query_params)


@post("/account/security/password", guards=[signed_in], include_in_schema=False, status_code=200)
async def change_password(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Sets a new password."""
    form = await read_form(request, PasswordForm)
    if form.data is not None:
        try:
            await accounts.change_password(principal, form.data.current_password, form.data.password)
        except AcademyError as error:
            form.blame(error)
        else:
            text = "Your password is changed. All other devices are signed out."
            return pages.redirect_with("success", text, "/account/security")
    return _security(request, pages, status_code=422, password_form=form)


@post("/account/security/email", guards=[signed_in], include_in_schema=False, status_code=200)
async def change_email(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Sends a code to the new address."""
    form = await read_form(request, EmailChangeForm)
    if form.data is not None:
        try:
            await accounts.ask_for_email_change(principal, form.data.email)
        except AcademyError as error:
            form.blame(error)
        else:
            text = "If this address is free, a code is on its way to it."
            return pages.redirect_with("info", text, "/account/security?code=1")
    return _security(request, pages, status_code=422, email_form=form)


@post("/account/security/email/confirm", guards=[signed_in], include_in_schema=False, status_code=200)
async def confirm_email(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Changes the address with the code."""
    form = await read_form(request, EmailCodeForm)
    if form.data is not None:
        try:
            await accounts.confirm_email_change(principal, form.data.code)
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", "Your e-mail address is changed.", "/account/security")
    return _security(request, pages, status_code=422, waiting_for_code=True, code_form=form)


@get("/account/sessions", guards=[signed_in], include_in_schema=False)
async def sessions_page(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """My sessions."""
    return pages.render(request, "accounts/account/sessions.html", sessions=await accounts.sessions(principal))


@post("/account/sessions/{session_id:str}/end", guards=[signed_in], include_in_schema=False, status_code=200)
async def end_session(
    session_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Signs one device out."""
    await accounts.end_session(principal, session_id)
    return pages.redirect_with("success", "That device is signed out.", "/account/sessions")


@post("/account/sessions/end-others", guards=[signed_in], include_in_schema=False, status_code=200)
async def end_others(
    pages: NamedDependency[Pages], principal: NamedDependency[Principal], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """Signs all other devices out."""
    await accounts.end_other_sessions(principal)
    return pages.redirect_with("success", "All other devices are signed out.", "/account/sessions")


@get("/account/data", guards=[signed_in], include_in_schema=False)
async def data_page(request: PageRequest, pages: NamedDependency[Pages]) -> Response[bytes]:
    """Export and deletion."""
    return pages.render(request, "accounts/account/data.html", form=empty_form(DeletionForm))


@get("/account/data/export", guards=[signed_in], include_in_schema=False)
async def export(principal: NamedDependency[Principal], accounts: NamedDependency[AccountService]) -> Response[bytes]:
    """Downloads everything kept about the account."""
    body = msgspec.json.format(msgspec.json.encode(await accounts.export(principal)), indent=2)
    headers = {"Content-Disposition": 'attachment; filename="my-data.json"', "Cache-Control": "private, no-store"}
    return Response(body, media_type="application/json", headers=headers)


@post("/account/data/delete", guards=[signed_in], include_in_schema=False, status_code=200)
async def delete_account(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Deletes the account."""
    form = await read_form(request, DeletionForm)
    if form.data is not None:
        try:
            await accounts.delete(principal, form.data.password)
        except AcademyError as error:
            form.blame(error)
        else:
            response = pages.redirect_with("success", "Your account is deleted. Thank you for having been here.", "/")
            response.delete_cookie(SESSION_COOKIE)
            return response
    return pages.render(request, "accounts/account/data.html", status_code=422, form=form)


handlers = [
    profile_page,
    save_profile,
    preferences_page,
    save_preferences,
    security_page,
    change_password,
    change_email,
    confirm_email,
    sessions_page,
    end_session,
    end_others,
    data_page,
    export,
    delete_account,
]
