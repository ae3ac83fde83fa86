"""What people do again and again in these tests."""

import httpx

from tests.academies.in_process import PASSWORD, TestAcademy


async def post(academy: TestAcademy, path: str, **body: object) -> httpx.Response:
    """Posts JSON to `/api/v1/auth/…` as nobody."""
    async with academy.api() as api:
        return await api.post(f"auth/{path}", json=body)


async def register(academy: TestAcademy, email: str, *, name: str = "Asha Rao", password: str = PASSWORD) -> None:
    """Registers an address; the account is still to be verified."""
    answer = await post(academy, "register", email=email, name=name, password=password)
    assert answer.status_code == 202, answer.text


async def sign_in(academy: TestAcademy, email: str, password: str = PASSWORD) -> httpx.Response:
    """Signs in with a password."""
    return await post(academy, "login", email=email, password=password)


async def mails_to(academy: TestAcademy, email: str) -> list[str]:
    """Subjects of the mails to an address, oldest first; a code in one is cut off."""
    await academy.work()
    mails = [mail.subject for mail in await academy.messages() if mail.to == email]
    return [subject.removeprefix(subject[:7]) if subject[:6].isdigit() else subject for subject in reversed(mails)]


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem document."""
    return answer.status_code, answer.json()["code"]


def blamed(answer: httpx.Response) -> set[str]:
    """The fields that a problem document names."""
    assert answer.status_code == 422, answer.text
    return {error["field"] for error in answer.json()["errors"]}


def other(code: str) -> str:
    """A wrong code."""
    return f"{(int(code) + 1) % 1_000_000:06d}"
