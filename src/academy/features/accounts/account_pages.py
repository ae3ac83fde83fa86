"""HTML handlers of the account: profile, preferences, security, sessions, my data."""

from typing import Annotated
from zoneinfo import available_timezones

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from academy.features.accounts.errors import EmailTaken
from academy.features.accounts.model import Preferences, Profile, Topic
from academy.features.accounts.service import AccountService
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.errors import AcademyError
from academy.web.authentication import give_cookie
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import signed_in
from academy.web.pages import Pages
from academy.web.requests import PageRequest

Password = Annotated[str, Meta(min_length=1, max_length=1000)]

_THEMES = (("auto", "As my device"), ("light", "Light"), ("dark", "Dark"))
_LANGUAGES = (("en", "English"), ("hi", "हिन्दी (Hindi)"))
_FOR_TEACHERS = frozenset({Topic.COURSE_REVIEWED})
_REGIONS = frozenset(
    ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
)


class ProfileForm(msgspec.Struct, kw_only=True):
    """What others see; links one a line."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    headline: Annotated[str, Meta(max_length=120)] = ""
    bio: Annotated[str, Meta(max_length=2000)] = ""
    links: Annotated[str, Meta(max_length=1000)] = ""


class PreferencesForm(msgspec.Struct, kw_only=True):
    """How the academy looks, and the topics it may write about: those that are ticked of those that were shown."""

    theme: str = "auto"
    time_zone: str = "Asia/Kolkata"
    language: str = "en"
    shown: list[Topic] = []
    wanted: list[Topic] = []

    def changed(self, held: Preferences) -> Preferences:
        """Returns the preferences with what the form says; topics it did not show stay as they are."""
        declined = [topic for topic in held.declined if topic not in self.shown]
        declined += [topic for topic in self.shown if topic not in self.wanted]
        return Preferences(
            theme=self.theme, time_zone=self.time_zone, language=self.language, declined=list(dict.fromkeys(declined))
        )


class PasswordForm(msgspec.Struct, kw_only=True):
    """The present and the new password."""

    current_password: Annotated[str, Meta(max_length=1000)] = ""
    password: Password


class EmailChangeForm(msgspec.Struct, kw_only=True):
    """The new address."""

    email: Annotated[str, Meta(min_length=3, max_length=254)]
    account_password: Annotated[str, Meta(max_length=1000)] = ""


class EmailCodeForm(msgspec.Struct, kw_only=True):
    """The code that was sent to the new address."""

    code: Annotated[str, Meta(min_length=6, max_length=12)]


class DeletionForm(msgspec.Struct, kw_only=True):
    """The password and a tick, as confirmation."""

    password: Annotated[str, Meta(max_length=1000)] = ""
    understood: bool = False


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
            await accounts.change(principal, name=form.data.name, profile=profile)
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
    wanted = [topic for topic in Topic if topic not in held.declined]
    form = empty_form(PreferencesForm, **msgspec.structs.asdict(held), wanted=wanted)
    return _preferences(request, pages, principal, form)


def _preferences(
    request: PageRequest, pages: Pages, principal: Principal, form: Form[PreferencesForm], *, status_code: int = 200
) -> Response[bytes]:
    teaches = principal.may_act_as(Role.INSTRUCTOR)
    return pages.render(
        request,
        "accounts/account/preferences.html",
        status_code=status_code,
        form=form,
        themes=_THEMES,
        languages=_LANGUAGES,
        topics=[topic for topic in Topic if teaches or topic not in _FOR_TEACHERS],
        time_zones=_time_zones(str(form.values["time_zone"])),
    )


def _time_zones(chosen: str) -> dict[str, dict[str, str]]:
    """Returns region -> time zone -> its place; of the zones outside the regions only the chosen one."""
    regions: dict[str, dict[str, str]] = {}
    for zone in sorted(available_timezones() | {chosen}):
        region, _, place = zone.partition("/")
        if region in _REGIONS and place:
            regions.setdefault(region, {})[zone] = place.replace("_", " ").replace("/", " – ")
    others = sorted({"UTC", chosen} - {zone for zones in regions.values() for zone in zones})
    return {**regions, "Other": dict(zip(others, others, strict=True))}


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
        held = (await accounts.user(principal.user_id)).preferences
        try:
            await accounts.change(principal, preferences=form.data.changed(held))
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", "Saved.", "/account/preferences")
    return _preferences(request, pages, principal, form, status_code=422)


async def _security(
    request: PageRequest,
    pages: Pages,
    accounts: AccountService,
    *,
    waiting_for_code: bool = False,
    status_code: int = 200,
    **forms: object,
) -> Response[bytes]:
    principal = request.scope["user"]
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
        account=await accounts.user(principal.user_id),
        password_min_length=accounts.password_min_length,
        waiting_for_code=waiting_for_code,
        **shown,
    )


@get("/account/security", guards=[signed_in], include_in_schema=False)
async def security_page(
    request: PageRequest, pages: NamedDependency[Pages], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """Password and address."""
    return await _security(request, pages, accounts, waiting_for_code="code" in request.query_params)


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
    return await _security(request, pages, accounts, status_code=422, password_form=form)


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
            await accounts.ask_for_email_change(principal, form.data.email, form.data.account_password)
        except AcademyError as error:
            form.blame(error)
        else:
            text = "If this address is free, a code is on its way to it."
            return pages.redirect_with("info", text, "/account/security?code=1")
    return await _security(request, pages, accounts, status_code=422, email_form=form)


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
        except EmailTaken as error:
            return pages.redirect_with("error", f"{error.message} Choose another one.", "/account/security")
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", "Your e-mail address is changed.", "/account/security")
    return await _security(request, pages, accounts, status_code=422, waiting_for_code=True, code_form=form)


@get("/account/sessions", guards=[signed_in], include_in_schema=False)
async def sessions_page(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """My sessions."""
    return pages.render(request, "accounts/account/sessions.html", sessions=await accounts.sessions.list_of(principal))


@post("/account/sessions/{session_id:str}/end", guards=[signed_in], include_in_schema=False, status_code=200)
async def end_session(
    session_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Signs one device out."""
    await accounts.sessions.end(principal, session_id)
    return pages.redirect_with("success", "That device is signed out.", "/account/sessions")


@post("/account/sessions/end-others", guards=[signed_in], include_in_schema=False, status_code=200)
async def end_others(
    pages: NamedDependency[Pages], principal: NamedDependency[Principal], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """Signs all other devices out."""
    await accounts.sessions.end_others(principal)
    return pages.redirect_with("success", "All other devices are signed out.", "/account/sessions")


@get("/account/data", guards=[signed_in], include_in_schema=False)
async def data_page(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """Export and deletion."""
    return await _data(request, pages, principal, accounts, empty_form(DeletionForm))


async def _data(
    request: PageRequest,
    pages: Pages,
    principal: Principal,
    accounts: AccountService,
    form: Form[DeletionForm],
    *,
    status_code: int = 200,
) -> Response[bytes]:
    has_password = (await accounts.user(principal.user_id)).password_hash is not None
    return pages.render(
        request, "accounts/account/data.html", status_code=status_code, form=form, has_password=has_password
    )


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
    if form.data is not None and not form.data.understood:
        form.errors["understood"] = "Tick this, so that it does not happen by mistake."
    elif form.data is not None:
        try:
            await accounts.delete(principal, form.data.password)
        except AcademyError as error:
            form.blame(error)
        else:
            give_cookie(request, "")
            return pages.redirect_with("success", "Your account is deleted. Thank you for having been here.", "/")
    return await _data(request, pages, principal, accounts, form, status_code=422)


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
