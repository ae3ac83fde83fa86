"""Where a buyer is: what a GSTIN says counts, and what is no country or state is refused."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from academy.features.payments.taxes import TaxDetails
from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.academies.payments import paid_course

pytestmark = pytest.mark.asyncio(loop_scope="module")

KARNATAKA, MAHARASHTRA, TAMIL_NADU = "29", "27", "33"
OF_MAHARASHTRA = "27AAPFU0939F1ZV"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[KARNATAKA, MAHARASHTRA])
async def academy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TestAcademy]:
    """An academy of each of two states of India, where GST is 18 %."""
    variables = {"SELLER_COUNTRY": "IN", "SELLER_STATE": request.param}
    async with opened_test_academy(tmp_path_factory.mktemp("academy"), **variables) as opened:
        await opened.academy.taxes.add(TaxDetails(country="IN", name="GST", basis_points=1800))
        yield opened


async def taxes(academy: TestAcademy, **details: str) -> list[str]:
    """The names of the taxes that a checkout with these details comes to."""
    course = await paid_course(academy)
    api = await academy.signed_in_api()
    answer = await api.post("checkouts", json={"course": course.slug, "gateway": "rehearsal", **details})
    assert answer.status_code == 201, answer.text
    transaction = (await api.get(f"transactions/{answer.json()['transaction_id']}")).json()
    assert sum(line["amount"] for line in transaction["taxes"]) == transaction["amount"]["amount"] - transaction["net"]
    return [line["name"] for line in transaction["taxes"]]


async def refused_field(academy: TestAcademy, **details: str) -> str:
    """The field for which a checkout with these details is refused."""
    course = await paid_course(academy)
    api = await academy.signed_in_api()
    answer = await api.post("checkouts", json={"course": course.slug, "gateway": "rehearsal", **details})
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert (await api.get("me/transactions")).json()["items"] == []
    return str(error["field"])


@pytest.mark.parametrize("state", ["", MAHARASHTRA])
async def test_the_state_of_a_gstin_is_the_place_of_supply(academy: TestAcademy, state: str) -> None:
    is_within = academy.academy.settings.payments.seller_state == MAHARASHTRA
    wanted = ["CGST", "SGST"] if is_within else ["IGST"]
    assert await taxes(academy, country="IN", state=state, tax_id=OF_MAHARASHTRA) == wanted


async def test_another_state_than_that_of_the_gstin_is_refused(academy: TestAcademy) -> None:
    assert await refused_field(academy, country="IN", state=TAMIL_NADU, tax_id=OF_MAHARASHTRA) == "state"


async def test_without_a_gstin_the_state_counts_that_the_buyer_names(academy: TestAcademy) -> None:
    seller = academy.academy.settings.payments.seller_state
    assert await taxes(academy, country="IN", state=TAMIL_NADU) == ["IGST"]
    assert await taxes(academy, country="IN", state=seller) == ["CGST", "SGST"]
    assert await taxes(academy, country="IN") == ["CGST", "SGST"]


@pytest.mark.parametrize("country", ["ZZ", "EU", "XX", "QO"])
async def test_what_is_no_country_is_refused(academy: TestAcademy, country: str) -> None:
    assert await refused_field(academy, country=country) == "country"


async def test_what_is_no_state_is_refused_in_india_alone(academy: TestAcademy) -> None:
    assert await refused_field(academy, country="IN", state="28") == "state"
    assert await taxes(academy, country="FR", state="28") == []
