"""`academy check` names what several processes need, and what is away, with what to do."""

from pathlib import Path

import pytest

from tests.contracts.cli.test_commands import ends
from tests.contracts.cli.test_mail import findings
from tests.servers.academy import ServedAcademy, served_academy
from tests.servers.mongodb import free_port
from tests.simulators.razorpay import KEY_ID, KEY_SECRET, running_razorpay

SEVERAL = {"WORKERS": "2"}
TOGETHER = {"CACHE_PROVIDER": "redis"}
RAZORPAY = {
    "PAYMENT_GATEWAYS": "razorpay",
    "RAZORPAY_KEY_ID": KEY_ID,
    "RAZORPAY_KEY_SECRET": KEY_SECRET,
    "RAZORPAY_WEBHOOK_SECRET": "webhook-secret",
}


@pytest.fixture
def academy(tmp_path: Path) -> ServedAcademy:
    return ServedAcademy(tmp_path / "home")


def test_check_names_a_redis_that_is_away_and_what_it_costs(academy: ServedAcademy) -> None:
    """While sessions are in it, nobody can be known for an admin, who could see the details of health."""
    away = {"SESSION_STORE": "redis", "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    status, text = findings(ends(academy, "check", "--json", code=0, **away))["Sessions"]
    assert status == "warn"
    for part in ("Redis cannot be reached", "Check that it runs, and REDIS_URL.", "Nobody can sign in"):
        assert part in text


def test_check_warns_of_several_processes_that_share_no_cache(academy: ServedAcademy) -> None:
    status, text = findings(ends(academy, "check", "--json", code=0, **SEVERAL))["Workers"]
    assert status == "warn"
    for part in ("WORKERS=2", "RESPONSE_CACHE_SECONDS", "CACHE_TTL_COURSES", "CACHE_PROVIDER=redis", "REDIS_URL"):
        assert part in text
    assert "Workers" not in findings(ends(academy, "check", "--json", code=0))
    assert "Workers" not in findings(ends(academy, "check", "--json", code=0, **SEVERAL, **TOGETHER))


def test_check_asks_the_gateways_and_warns_of_one_that_moves_no_money(academy: ServedAcademy) -> None:
    status, text = findings(ends(academy, "check", "--json", code=0))["Payments by rehearsal"]
    assert (status, "Set PAYMENT_GATEWAYS." in text) == ("warn", True)
    found = findings(ends(academy, "check", "--json", code=0, PAYMENT_GATEWAYS="none"))
    assert [subject for subject in found if subject.startswith("Payments by")] == []
    with running_razorpay() as razorpay:
        taken = {**RAZORPAY, "RAZORPAY_URL": razorpay.url}
        assert findings(ends(academy, "check", "--json", code=0, **taken))["Payments by razorpay"][0] == "pass"
        refused = {**taken, "RAZORPAY_KEY_SECRET": "another"}
        status, text = findings(ends(academy, "check", "--json", code=1, **refused))["Payments by razorpay"]
    assert (status, text.startswith("Razorpay: ")) == ("fail", True)


def test_nothing_starts_with_a_gateway_whose_webhooks_have_no_secret(academy: ServedAcademy) -> None:
    said = ends(academy, "check", code=2, **{**RAZORPAY, "RAZORPAY_WEBHOOK_SECRET": ""})
    assert "RAZORPAY_WEBHOOK_SECRET: is required with PAYMENT_GATEWAYS=razorpay." in said


@pytest.mark.parametrize("variables", [SEVERAL, {}])
def test_a_start_warns_of_it_once(tmp_path: Path, variables: dict[str, str]) -> None:
    with served_academy(tmp_path / "home", variables=variables) as served:
        said = served.output.read_text()
    assert said.count('"event": "workers_share_no_cache"') == (1 if variables else 0)
    assert said.count("CACHE_PROVIDER=redis") == (1 if variables else 0)
