"""A whole academy in the test's process: real services, a real database, the real ASGI app, a clock that tests move."""

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from pymongo import AsyncMongoClient
from starlette.types import ASGIApp, Receive, Scope, Send

from academy.app import build_app
from academy.composition import Academy, build_academy
from academy.features.accounts.administration import COMMAND_LINE
from academy.infrastructure.email.base import InboxMessage
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.clock import SystemClock
from academy.kit.ids import new_id
from academy.settings import load_settings
from tests.servers.academy import UNLIMITED

PASSWORD = "a long enough password"


class MovedClock:
    """Runs with the system's clock, plus what tests add."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self.added = timedelta()

    def now(self) -> datetime:
        return self._system.now() + self.added

    def move(self, **parts: float) -> None:
        """Lets time pass, e.g. `move(minutes=11)`."""
        self.added += timedelta(**parts)


class Browser(httpx.AsyncClient):
    """A visitor's browser without JavaScript: keeps cookies, follows redirects, sends forms with their CSRF token."""

    async def submit(self, page: str, action: str, /, **fields: object) -> httpx.Response:
        """Opens `page`, takes the CSRF token of its forms, and posts the form to `action`."""
        found = re.search(r'name="_csrf_token" value="([^"]+)"', (await self.get(page)).text)
        assert found, f"{page} has no form"
        return await self.post(action, data={"_csrf_token": found.group(1), **fields})


class TestAcademy:
    """What tests hold of a running academy.

    The app is built when it is first asked for something: that takes longer than all else of the start, and tests of
    the services do without.
    """

    __test__ = False

    def __init__(self, academy: Academy, clock: MovedClock) -> None:
        self.academy = academy
        self.clock = clock
        self._transport = httpx.ASGITransport(self._answer)
        self._clients: list[httpx.AsyncClient] = []
        if academy.rehearsal is not None:
            academy.rehearsal.transport = self._transport

    @cached_property
    def _app(self) -> ASGIApp:
        # The framework does almost all of it, hundreds of times in a run, and a tracer for coverage doubles that. The
        # tests of served academies measure it.
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return build_app(self.academy)
        finally:
            sys.settrace(tracer)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def api(self, token: str = "") -> httpx.AsyncClient:
        """A client of `/api/v1`, with a bearer token when given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.AsyncClient(transport=self._transport, base_url="http://academy.test/api/v1", headers=headers)
        self._clients.append(client)
        return client

    def browser(self) -> Browser:
        """A fresh browser on the website."""
        browser = Browser(transport=self._transport, base_url="http://academy.test", follow_redirects=True)
        self._clients.append(browser)
        return browser

    async def work(self) -> None:
        """Works all due jobs off, e.g. sends the mail, but for the conversion of videos."""
        await self.academy.worker.drain(long_jobs=False)

    async def convert(self) -> None:
        """Works all due jobs off and converts videos."""
        await self.academy.worker.drain()

    async def messages(self) -> list[InboxMessage]:
        """What lies in the local inbox, the newest first."""
        assert self.academy.inbox is not None
        return await self.academy.inbox.messages()

    async def last_code(self, email: str) -> str:
        """The newest one-time code that was mailed to an address."""
        await self.work()
        for message in await self.messages():
            found = re.search(r"\b(\d{6})\b", message.text)
            if message.to == email and found:
                return found.group(1)
        raise AssertionError(f"no code was mailed to {email}")

    async def person(self, role: Role = Role.LEARNER, *, name: str = "Asha Rao", email: str = "") -> Principal:
        """Makes an active account with PASSWORD and returns who it is."""
        address = email or f"{new_id()}@example.com"
        user = await self.academy.administration.create(COMMAND_LINE, address, name, role, PASSWORD)
        return Principal(user_id=user.id, session_id="", email=user.email, name=user.name, role=role)

    async def signed_in_api(self, role: Role = Role.LEARNER, *, person: Principal | None = None) -> httpx.AsyncClient:
        """An API client signed in as a new account of a role, or as `person`."""
        who = person or await self.person(role)
        answer = await self.api().post("auth/login", json={"email": who.email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return self.api(answer.json()["access_token"])

    async def signed_in_browser(self, role: Role = Role.LEARNER, *, person: Principal | None = None) -> Browser:
        """A browser signed in as a new account of a role, or as `person`."""
        who = person or await self.person(role)
        browser = self.browser()
        answer = await browser.submit("/login", "/login", email=who.email, password=PASSWORD)
        assert answer.status_code == 200, answer.text
        return browser

    async def __aenter__(self) -> Self:
        await self.academy.start(work=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            await client.aclose()
        await self.academy.stop()
        database = self.academy.settings.database
        if database.mongodb_uri:
            async with AsyncMongoClient[dict[str, object]](database.mongodb_uri) as server:
                await server.drop_database(database.mongodb_database)


@asynccontextmanager
async def opened_test_academy(home: Path, *, mongodb_uri: str = "", **variables: str) -> AsyncIterator[TestAcademy]:
    """Gives a started academy: on MongoDB in a database of its own when a URI is given, else embedded in `home`.

    `variables` are environment variables, e.g. `RESPONSE_CACHE_SECONDS="0"`.
    """
    environment = {"ACADEMY_HOME": str(home), "BCRYPT_ROUNDS": "4", "RESPONSE_CACHE_SECONDS": "0", **UNLIMITED}
    if mongodb_uri:
        environment |= {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": f"test-{new_id()}"}
    clock = MovedClock()
    academy = build_academy(load_settings(environment | variables), clock)
    async with TestAcademy(academy, clock) as opened:
        yield opened
