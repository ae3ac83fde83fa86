"""Whose work is elsewhere is led there from the page that follows signing in, and from every page's header."""

import pytest

from academy.infrastructure.security.principal import Role
from tests.academies.html import elements
from tests.academies.in_process import TestAcademy

WORKPLACES = {Role.LEARNER: [], Role.INSTRUCTOR: ["/studio"], Role.ADMIN: ["/studio", "/admin"]}


@pytest.mark.parametrize("role", list(Role))
async def test_the_dashboard_leads_to_the_workplaces_of_a_role(embedded_academy: TestAcademy, role: Role) -> None:
    page = (await (await embedded_academy.signed_in_browser(role)).get("/dashboard")).text
    cards = page.partition('class="workplaces"')[2].partition("</ul>")[0]
    assert [link.attributes["href"] for link in elements(cards, "a")] == WORKPLACES[role]
    assert [link.attributes["href"] for link in elements(page, "a", class_="roomy-only")] == WORKPLACES[role]
