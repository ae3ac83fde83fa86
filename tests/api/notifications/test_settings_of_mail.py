"""What an operator sets shows in the mails and in their log."""

from pathlib import Path

from academy.infrastructure.email.log import MailFilter
from tests.academies.in_process import opened_test_academy


async def test_name_colour_logo_and_support_address_are_those_of_the_settings(tmp_path: Path) -> None:
    own = {
        "ACADEMY_NAME": "Baker School",
        "ACCENT_COLOR": "#aa3300",
        "LOGO_URL": "https://bakers.example/logo.png",
        "SUPPORT_EMAIL": "help@bakers.example",
        "BASE_URL": "https://bakers.example",
    }
    async with opened_test_academy(tmp_path, **own) as academy:
        person = await academy.person()
        user = await academy.academy.accounts.user(person.user_id)
        await academy.academy.email.send_welcome(user.as_recipient())
        await academy.work()
        (mail,) = await academy.messages()
    assert mail.subject == "Welcome to Baker School"
    for text in (mail.text, mail.html):
        assert "help@bakers.example" in text
        assert "https://bakers.example" in text
    assert "#aa3300" in mail.html
    assert 'src="https://bakers.example/logo.png"' in mail.html


async def test_the_log_forgets_after_the_days_that_are_set(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, EMAIL_RETENTION_DAYS="3") as academy:
        person = await academy.person()
        user = await academy.academy.accounts.user(person.user_id)
        await academy.academy.email.send_welcome(user.as_recipient())
        await academy.work()
        kept = []
        for _ in range(2):
            academy.clock.move(days=2)
            await academy.work()
            kept.append(len((await academy.academy.email.log.page(MailFilter())).items))
    assert kept == [1, 0]
