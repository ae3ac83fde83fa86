"""Declining mail: with one click from the mail client, by the page behind the link, in the preferences."""

import re

from academy.features.accounts.model import Topic
from academy.infrastructure.email.batches import Announcement
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.in_process import TestAcademy

NEWS = Announcement(title="News", message="Hello {{ name }}.", action="Open", action_url="https://academy.test/")


async def unsubscribe_path(academy: TestAcademy, who: Principal) -> str:
    """Announces something and returns the path of the address in the mail to `who`."""
    await academy.academy.notifications.announce_to_all(NEWS)
    await academy.work()
    (text,) = [message.text for message in await academy.messages() if message.to == who.email]
    found = re.search(r"https?://[^/\s]+(/unsubscribe/\S+)", text)
    assert found
    return found.group(1)


async def declined(academy: TestAcademy, who: Principal) -> list[Topic]:
    return (await academy.academy.accounts.user(who.user_id)).preferences.declined


async def test_a_mail_client_unsubscribes_with_one_post(academy: TestAcademy) -> None:
    person = await academy.person()
    path = await unsubscribe_path(academy, person)
    stranger = academy.browser()
    for _ in range(2):
        answer = await stranger.post(path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert await declined(academy, person) == [Topic.ANNOUNCEMENTS]
    await academy.academy.notifications.announce_to_all(NEWS)
    await academy.work()
    assert len([message for message in await academy.messages() if message.to == person.email]) == 1


async def test_opening_the_address_declines_nothing_and_asks(academy: TestAcademy) -> None:
    person = await academy.person()
    path = await unsubscribe_path(academy, person)
    browser = academy.browser()
    page = await browser.get(path)
    assert "Unsubscribe?" in page.text
    assert "news from the academy" in page.text
    assert await declined(academy, person) == []
    page = await browser.post(path)
    assert "You are unsubscribed" in page.text
    assert await declined(academy, person) == [Topic.ANNOUNCEMENTS]


async def test_nobody_can_unsubscribe_somebody_else(academy: TestAcademy) -> None:
    person, other = await academy.person(), await academy.person()
    path = await unsubscribe_path(academy, person)
    token = path.rpartition("/")[2]
    user_id, topic, signature = token.split(".")
    assert user_id == person.user_id
    for forged in (
        f"{other.user_id}.{topic}.{signature}",
        f"{user_id}.course_reviewed.{signature}",
        f"{user_id}.everything.{signature}",
        f"{user_id}.{topic}.{signature[:-1]}",
        f"{user_id}.{topic}",
        "x",
        "é..",
    ):
        assert (await academy.browser().post(f"/unsubscribe/{forged}")).status_code == 404, forged
        assert (await academy.browser().get(f"/unsubscribe/{forged}")).status_code == 404, forged
    assert await declined(academy, person) == await declined(academy, other) == []


async def test_the_preferences_say_the_same(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    page = await browser.get("/account/preferences")
    assert "News from the academy" in page.text
    assert "Reviews of own courses" not in page.text, "only those who teach are asked"
    shown = ["announcements", "course_completed"]
    await browser.submit(
        "/account/preferences",
        "/account/preferences",
        theme="dark",
        time_zone="Asia/Kolkata",
        language="hi",
        shown=shown,
        wanted=["course_completed"],
    )
    held = (await academy.academy.accounts.user(person.user_id)).preferences
    assert (held.theme, held.language, held.declined) == ("dark", "hi", [Topic.ANNOUNCEMENTS])
    page = await browser.get("/account/preferences")
    assert re.search(r'value="announcements">\s', page.text)
    assert re.search(r'value="course_completed" checked', page.text)
    await browser.submit(
        "/account/preferences",
        "/account/preferences",
        theme="dark",
        time_zone="UTC",
        language="en",
        shown=shown,
        wanted=shown,
    )
    assert await declined(academy, person) == []


async def test_teachers_are_asked_about_reviews_too(academy: TestAcademy) -> None:
    browser = await academy.signed_in_browser(Role.INSTRUCTOR)
    assert "Reviews of own courses" in (await browser.get("/account/preferences")).text


async def test_the_api_takes_the_topics(academy: TestAcademy) -> None:
    api = await academy.signed_in_api()
    answer = await api.patch("me", json={"preferences": {"language": "hi", "declined": ["announcements"]}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["preferences"]["declined"] == ["announcements"]
    assert (await api.patch("me", json={"preferences": {"declined": ["codes"]}})).status_code == 422
    assert (await api.patch("me", json={"preferences": {"language": "xx"}})).status_code == 422
