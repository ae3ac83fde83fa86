"""Every page that a visitor can reach by its links is valid HTML that everybody can use, and leads nowhere wrong."""

import itertools
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import html5lib
import pytest
import pytest_asyncio
from html5lib.constants import E as SENTENCES

from academy.demo.accounts import ADMIN, DEMO_PASSWORD, INSTRUCTOR, LEARNER
from tests.academies.in_process import Browser, TestAcademy, opened_test_academy
from tests.servers.demo import copy_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SITE = "http://academy.test"
VISITORS = {"nobody": "", "learner": LEARNER.email, "instructor": INSTRUCTOR.email, "admin": ADMIN.email}
STARTS = [
    "/",
    "/courses?q=python",
    "/courses?q=nothing-like-this",
    "/login",
    "/verify?email=a@example.com",
    "/no/such/page",
]
# Enough to meet every page in its different states; there are many courses and lessons, and endless filters.
MOST_ADDRESSES_OF_A_PAGE = 6
REACHED = {
    "nobody": {
        "/",
        "/courses",
        "/courses/*",
        "/learn/*",
        "/checkout/*",
        "/login",
        "/register",
        "/api/docs",
        "/dev/mail",
    },
    "learner": {
        "/dashboard",
        "/account",
        "/account/sessions",
        "/account/receipts",
        "/account/receipts/*",
        "/checkout/*",
        "/checkout/*/*",
        "/checkout/*/*/cancelled",
        "/rehearsal/*",
        "/learn/*",
        "/courses/*",
    },
    "instructor": {"/studio", "/studio/courses/*", "/studio/courses/*/lessons/*", "/dashboard"},
    "admin": {
        "/admin",
        "/admin/users",
        "/admin/jobs",
        "/admin/mail",
        "/admin/enrolments",
        "/admin/transactions",
        "/admin/transactions/*",
        "/admin/transactions.csv",
        "/admin/payments-repair",
        "/admin/coupons",
        "/admin/taxes",
        "/admin/webhook-events",
        "/admin/webhook-events/*",
        "/studio",
    },
}
# Slug -> minor units.
PAID_COURSES = {"machine-learning-honestly": 199_900, "sql-that-answers-questions": 149_900}
NEEDS_A_LABEL = {"input", "select", "textarea"}
LABELS_ITSELF = {"hidden", "submit", "button", "image"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestAcademy]:
    """The demo academy in this process."""
    home = copy_of(demo_home, tmp_path_factory.mktemp("html") / "home")
    async with opened_test_academy(home) as opened:
        yield opened


async def browser_of(academy: TestAcademy, who: str) -> Browser:
    browser = academy.browser()
    if VISITORS[who]:
        answer = await browser.submit("/login", "/login", email=VISITORS[who], password=DEMO_PASSWORD)
        assert answer.status_code == 200
    return browser


async def purchases(academy: TestAcademy, browser: Browser) -> list[str]:
    """Buys a course and begins to buy another; returns the bank's pages of both, and where the second one waits."""
    banks = []
    for slug, total in PAID_COURSES.items():
        answer = await browser.submit(f"/checkout/{slug}", f"/checkout/{slug}?total={total}", gateway="rehearsal")
        banks.append(answer.url.path)
    await browser.submit(banks[0], f"{banks[0]}/pay")
    await academy.work()
    (newest, *_) = re.findall(r'href="/account/receipts/([\w-]+)"', (await browser.get("/account/receipts")).text)
    return [*banks, f"/checkout/{slug}/{newest}?waited=40"]


def parsed(html: str) -> tuple[Any, list[Any]]:
    """Returns the tree of a page and what the HTML standard calls parse errors."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    return parser.parse(html), parser.errors


def faults(tree: Any, errors: list[Any]) -> Iterator[str]:
    """Tells what is wrong with a page."""
    for (line, _), code, values in errors:
        yield f"line {line}: {SENTENCES[code] % values}"
    elements = list(tree.iter())
    yield from _head_faults(tree, elements)
    ids = Counter(element.get("id") for element in elements if element.get("id"))
    yield from (f"id {name} is there {count} times" for name, count in ids.items() if count > 1)
    yield from _reference_faults(elements, set(ids))
    labelled = {element.get("for") for element in elements if element.tag == "label"}
    labelled |= {id(inner) for element in elements if element.tag == "label" for inner in element.iter()}
    for element in elements:
        yield from _element_faults(element, labelled)


def _head_faults(tree: Any, elements: list[Any]) -> Iterator[str]:
    if not re.fullmatch(r"[a-z]{2}", tree.get("lang", "")):
        yield f"the page's language is {tree.get('lang')!r}"
    titles = [element for element in elements if element.tag == "title" and (element.text or "").strip()]
    if len([element for element in tree.iter("head") for _ in element.iter("title")]) != 1 or not titles:
        yield "there is no title"
    headings = [element for element in elements if element.tag == "h1"]
    if len(headings) != 1 or not text_of(headings[0]):
        yield f"there are {len(headings)} h1"
    levels = [int(element.tag[1]) for element in elements if re.fullmatch(r"h[1-6]", str(element.tag))]
    steps = itertools.pairwise(levels)
    yield from (f"h{before} is followed by h{level}" for before, level in steps if level > before + 1)
    if [element.tag for element in elements].count("main") != 1:
        yield "there is not one main"


def _reference_faults(elements: list[Any], ids: set[str]) -> Iterator[str]:
    for element in elements:
        for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls", "list"):
            for target in element.get(name, "").split():
                if target not in ids:
                    yield f"{element.tag} {name}={target} leads nowhere"
        href = element.get("href", "") if element.tag == "a" else ""
        if href.startswith("#") and href[1:] not in ids:
            yield f"the link {href} leads nowhere"


def _element_faults(element: Any, labelled: set[Any]) -> Iterator[str]:
    for name in element.attrib:
        if name == "style" or str(name).startswith("on"):
            yield f"{element.tag} has the attribute {name}"
    if element.tag == "style" or (
        element.tag == "script" and not element.get("src") and element.get("type") != "application/ld+json"
    ):
        yield f"there is an inline {element.tag}"
    if element.tag == "img" and element.get("alt") is None:
        yield f"the picture {element.get('src')} has no alt"
    if element.tag in ("a", "button", "summary") and not name_of(element):
        yield f"{element.tag} {element.attrib} has no name"
    is_shown = element.get("type") not in LABELS_ITSELF and element.get("hidden") is None
    if element.tag in NEEDS_A_LABEL and is_shown:
        own = element.get("aria-label") or element.get("aria-labelledby")
        if not own and element.get("id") not in labelled and id(element) not in labelled:
            yield f"{element.tag} {element.get('name')} has no label"


def text_of(element: Any) -> str:
    return "".join(element.itertext()).strip()


def name_of(element: Any) -> str:
    """What an element is called: its label, its text, or what its pictures show."""
    pictures = "".join(inner.get("alt", "") + inner.get("aria-label", "") for inner in element.iter())
    return str(
        element.get("aria-label", "") or element.get("aria-labelledby", "") or text_of(element) or pictures
    ).strip()


def links(tree: Any, page: str) -> Iterator[str]:
    """Addresses of this site in a page, without what follows #."""
    for element in tree.iter():
        for name in ("href", "src", "action"):
            if (name == "action" and element.get("method", "get").lower() != "get") or element.get(name) is None:
                continue
            target = urlsplit(urljoin(f"{SITE}{page}", element.get(name)))
            if target.netloc == "academy.test" and target.scheme == "http":
                yield f"{target.path}{f'?{target.query}' if target.query else ''}"


def page_of(address: str) -> str:
    """The page behind an address: all courses are one, and all their lessons."""
    return re.sub(
        r"(?<=/courses/)[^/]+|(?<=/checkout/)[^/]+|(?<=/learn/)[^/]+(/.*)?|[0-9a-f-]{36}",
        "*",
        address.partition("?")[0],
    )


@pytest.mark.parametrize("who", VISITORS)
async def test_every_page_is_sound_and_every_link_leads_on(demo: TestAcademy, who: str) -> None:
    browser = await browser_of(demo, who)
    starts = [*STARTS, *await purchases(demo, browser)] if who == "learner" else STARTS
    waiting, met, wrong = deque(starts), set(starts), []
    seen = Counter(page_of(address) for address in starts)
    while waiting:
        address = waiting.popleft()
        answer = await browser.get(address)
        if answer.status_code >= 400 and address != "/no/such/page":
            wrong.append(f"{address} answers {answer.status_code}")
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        tree, errors = parsed(answer.text)
        wrong += [f"{address}: {fault}" for fault in faults(tree, errors)]
        for link in links(tree, answer.url.path):
            if link not in met and seen[page_of(link)] < MOST_ADDRESSES_OF_A_PAGE:
                met.add(link)
                seen[page_of(link)] += 1
                waiting.append(link)
    assert "\n".join(wrong) == ""
    assert set(seen) >= REACHED[who]


async def test_an_error_page_is_sound_too(demo: TestAcademy) -> None:
    browser = await browser_of(demo, "learner")
    for answer in (await browser.get("/admin"), await browser.post("/login"), await browser.get("/no/such/page")):
        assert answer.status_code in (403, 404)
        assert list(faults(*parsed(answer.text))) == []


async def test_a_form_with_mistakes_is_sound_too(demo: TestAcademy) -> None:
    browser = await browser_of(demo, "nobody")
    for page in ("/login", "/register", "/forgot-password"):
        answer = await browser.submit(page, page, email="x")
        assert answer.status_code == 422
        assert list(faults(*parsed(answer.text))) == []


async def test_the_check_finds_what_is_wrong() -> None:
    page = """<!doctype html><html><head><title> </title></head><body onload="x()"><h1>a</h1><h1>b</h1><h3>c</h3>
    <p id="x" style="color: red"><div id="x"></p><a href="#nowhere"></a><img src="y"><input name="z"><button> </button>
    <label for="gone">l</label><script>1</script></body></html>"""
    found = "\n".join(faults(*parsed(page)))
    for fault in (
        "line 2: Unexpected end tag (p)",
        "the page's language is None",
        "there is no title",
        "there are 2 h1",
        "h1 is followed by h3",
        "there is not one main",
        "id x is there 2 times",
        "label for=gone leads nowhere",
        "the link #nowhere leads nowhere",
        "p has the attribute style",
        "body has the attribute onload",
        "there is an inline script",
        "the picture y has no alt",
        "has no name",
        "input z has no label",
    ):
        assert fault in found, fault
