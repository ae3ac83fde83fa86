"""What every page of the demo academy keeps: accessible, as wide as its window, small, still, and silent."""

from typing import Literal

import pytest
from playwright.async_api import Page, Request

from academy.demo.accounts import ADMIN, INSTRUCTOR, LEARNER
from tests.servers.academy import ServedAcademy
from tests.website.checks import assert_accessible, assert_fits
from tests.website.conftest import Visitor
from tests.website.tour import BUYING, PUBLIC, come_in

LOOKS: dict[str, tuple[int, Literal["light", "dark"]]] = {"phone": (360, "light"), "desktop": (1440, "dark")}
NOBODY = ""
ABSENT = "404 (Not Found)"
LOCKED = "403 (Forbidden)"
MOST_BYTES = 150_000
MOST_REQUESTS = 12


@pytest.mark.parametrize("look", list(LOOKS))
@pytest.mark.parametrize("who", [NOBODY, LEARNER.email, INSTRUCTOR.email, ADMIN.email])
async def test_every_page(who: str, look: str, demo_academy: ServedAcademy, visitor: Visitor) -> None:
    width, scheme = LOOKS[look]
    page = await visitor(demo_academy.url, width=width, color_scheme=scheme, forgive=[ABSENT, LOCKED])
    pages = await come_in(page, who) if who else PUBLIC
    for path in pages.values():
        await page.goto(path)
        await assert_fits(page)
        await assert_accessible(page)


@pytest.mark.parametrize("path", ["/", "/courses", "/courses/statistics-without-fear", BUYING, "/login"])
async def test_a_public_page_stays_within_its_budget(path: str, demo_academy: ServedAcademy, visitor: Visitor) -> None:
    page = await visitor(demo_academy.url)
    asked: list[Request] = []
    page.on("requestfinished", lambda request: asked.append(request))  # noqa: PLW0108 - a built-in has no name to unhook
    await page.goto(path)
    await page.wait_for_load_state("networkidle")
    sizes = {request.url: await _transferred(request) for request in asked}
    assert len(sizes) <= MOST_REQUESTS, list(sizes)
    assert sum(sizes.values()) <= MOST_BYTES, sizes
    assert await _layout_shift(page) == 0


async def _transferred(request: Request) -> int:
    """Bytes on the wire, images not counted."""
    if request.resource_type == "image":
        return 0
    sizes = await request.sizes()
    return sizes["responseHeadersSize"] + sizes["responseBodySize"]


async def _layout_shift(page: Page) -> float:
    """The sum of all shifts since the page began to load."""
    shifts: float = await page.evaluate(
        """() => new Promise((resolve) => {
          new PerformanceObserver((list) => resolve(list.getEntries().reduce((sum, one) => sum + one.value, 0)))
            .observe({ type: "layout-shift", buffered: true });
          setTimeout(() => resolve(0), 200);
        })"""
    )
    return shifts
