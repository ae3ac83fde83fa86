"""Every mail as Chromium draws it: on a phone and on a desktop, light and dark, in both languages.

The pictures lie in the folder of the test, to be looked at; nothing compares them.
"""

import re
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from playwright.async_api import Page, Route

from academy.infrastructure.email.rendering import LANGUAGES, Branding, MailKind, MailRenderer
from academy.kit.colors import contrast
from tests.website.checks import AXE, assert_fits
from tests.website.conftest import Visitor

WIDTHS = (320, 600)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# A mail is shown inside the page of a mail client: what wants a page's own landmarks is not asked of it.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
BRANDING = Branding(
    name="Rtech Academy",
    accent="#3d5afe",
    logo_url="",
    support_email="support@rtechacademy.com",
    url="https://rtechacademy.com",
)
COURSE = f"{BRANDING.url}/learn/statistics-without-fear"
LOGO = f"{BRANDING.url}/logo.svg"
DRAWN_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="180" height="48">'
    '<rect width="180" height="48" rx="8" fill="#1b1f29"/></svg>'
)
NAMES = {"en": "Asha", "hi": "आशा"}
VALUES: dict[MailKind, dict[str, str]] = {
    MailKind.CODE: {"code": "048213", "purpose": "registered", "minutes": "10"},
    MailKind.WELCOME: {},
    MailKind.ENROLMENT: {"course_title": "Statistics without fear", "course_url": COURSE},
    MailKind.RECEIPT: {
        "course_title": "Statistics without fear",
        "course_url": COURSE,
        "amount": "₹1,499.00",
        "transaction_id": "01900000-0000-7000-8000-000000000001",
        "invoice_number": "2026-000042",
        "date": "24 November 2026",
        "receipt_url": f"{BRANDING.url}/account/receipts/01900000-0000-7000-8000-000000000001",
    },
    MailKind.NOTIFICATION: {
        "title": "You finished Statistics without fear",
        "message": "Every lesson is done. Well done!\n\nTell others what you think:\nyour review helps them choose.",
        "action": "Review the course",
        "action_url": f"{COURSE}#reviews",
    },
}


def html(kind: MailKind, language: str = "en", *, branding: Branding = BRANDING, **values: str) -> str:
    can_be_declined = kind is MailKind.NOTIFICATION
    return (
        MailRenderer(branding)
        .render(
            kind,
            language,
            {"name": NAMES[language], **VALUES[kind], **values},
            unsubscribe_url=f"{BRANDING.url}/unsubscribe/{'eyJhbGciOiJIUzI1NiJ9' * 8}" if can_be_declined else "",
        )
        .html
    )


def hex_of(color: str) -> str:
    """Returns a colour that a style was computed to, such as `rgb(61, 90, 254)`, as `#rrggbb`."""
    return "#" + "".join(f"{int(channel):02x}" for channel in re.findall(r"\d+", color))


async def assert_readable(page: Page) -> None:
    """Runs axe-core over the mail; it must find nothing. Covers contrast and the size of targets, too."""
    await page.evaluate(AXE)
    found = await page.evaluate(
        "async rules => (await axe.run(document, {runOnly: {type: 'tag', values: rules}})).violations.map("
        "v => `${v.id}: ${v.nodes.map(n => `${n.target} (${n.failureSummary})`).join('; ')}`)",
        RULES,
    )
    assert found == [], "\n".join(found)


async def assert_good_in_every_look(page: Page, mail: str, pictures: Path) -> None:
    """Draws the mail in every width and scheme, and keeps a picture of each."""
    await page.set_content(mail)
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            await page.screenshot(path=pictures.with_name(f"{pictures.name}-{width}-{scheme}.png"), full_page=True)
            await assert_fits(page)
            await assert_readable(page)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", MailKind)
async def test_every_mail_fits_and_can_be_read(kind: MailKind, language: str, visitor: Visitor, tmp_path: Path) -> None:
    page = await visitor(BRANDING.url)
    await assert_good_in_every_look(page, html(kind, language), tmp_path / f"{kind}-{language}")


@pytest.mark.parametrize("accent", ["#ffd600", "#000000", "#ffffff", "#c62828", "#777777"])
async def test_it_can_be_read_in_every_accent(accent: str, visitor: Visitor, tmp_path: Path) -> None:
    page = await visitor(BRANDING.url)
    branding = msgspec.structs.replace(BRANDING, accent=accent)
    for kind in (MailKind.CODE, MailKind.RECEIPT):
        await assert_good_in_every_look(page, html(kind, branding=branding), tmp_path / f"{kind}-{accent[1:]}")


async def test_long_words_and_addresses_do_not_make_it_wider(visitor: Visitor, tmp_path: Path) -> None:
    page = await visitor(BRANDING.url)
    branding = msgspec.structs.replace(BRANDING, name="Fernuniversitätsgesellschaft" * 2)
    word, address = "Donaudampfschifffahrt" * 8, f"https://rtechacademy.com/{'learn' * 60}"
    mails = {
        MailKind.NOTIFICATION: html(
            MailKind.NOTIFICATION,
            branding=branding,
            title=word,
            message=word,
            action=word,
            action_url=address,
            name=word,
        ),
        MailKind.RECEIPT: html(MailKind.RECEIPT, course_title=word, transaction_id="0" * 80, receipt_url=address),
    }
    for kind, mail in mails.items():
        await assert_good_in_every_look(page, mail, tmp_path / f"{kind}-long")


@pytest.mark.parametrize("is_shown", [True, False])
async def test_a_logo_takes_the_place_of_the_name(is_shown: bool, visitor: Visitor, tmp_path: Path) -> None:
    async def answer(route: Route) -> None:
        if is_shown:
            await route.fulfill(body=DRAWN_LOGO, content_type="image/svg+xml")
        else:
            await route.abort()

    page = await visitor(BRANDING.url, forgive=["ERR_FAILED"])
    await page.route(LOGO, answer)
    mail = html(MailKind.WELCOME, branding=msgspec.structs.replace(BRANDING, logo_url="/logo.svg"))
    await assert_good_in_every_look(page, mail, tmp_path / f"logo-{is_shown}")
    logo = page.get_by_role("img", name=BRANDING.name)
    box = await logo.bounding_box()
    assert box is not None
    assert box["width"] > 100
    assert (box["height"] >= 40) == is_shown
    style = "image => { const style = getComputedStyle(image); return [style.color, style.backgroundColor]; }"
    text, ground = (hex_of(color) for color in await logo.evaluate(style))
    assert contrast(text, ground) >= 4.5, "without the picture its text is read, in the dark, too"


async def test_a_code_stays_in_one_line_and_is_chosen_as_a_whole(visitor: Visitor) -> None:
    page = await visitor(BRANDING.url, width=320)
    await page.set_content(html(MailKind.CODE))
    code = page.get_by_text("048213", exact=True)
    assert await code.evaluate("element => element.getClientRects().length") == 1
    await code.click()
    assert await page.evaluate("String(getSelection()).trim()") == "048213"


async def test_a_button_is_as_wide_as_a_phones_card(visitor: Visitor) -> None:
    page = await visitor(BRANDING.url, width=320)
    await page.set_content(html(MailKind.WELCOME))
    button = page.get_by_role("link", name="Find your first course")
    box = await button.bounding_box()
    assert box is not None
    assert box["width"] >= 240
    assert box["height"] >= 44
