"""Which addresses count as one."""

import pytest

from academy.infrastructure.rate_limits.addresses import counted_address


@pytest.mark.parametrize("written", ["203.0.113.80", "::ffff:203.0.113.80", "::FFFF:cb00:7150"])
def test_an_ipv4_address_is_one_in_every_spelling(written: str) -> None:
    assert counted_address(written) == "203.0.113.80"


@pytest.mark.parametrize(
    "written", ["2001:db8::1", "2001:0db8:0:0:0:0:0:1", "2001:DB8::ffff:1", "2001:db8::1%eth0", "2001:db8:0:0:9::"]
)
def test_ipv6_counts_by_its_64_bits_of_network(written: str) -> None:
    assert counted_address(written) == "2001:db8::/64"


def test_other_networks_are_other_people() -> None:
    assert counted_address("2001:db8:0:1::1") == "2001:db8:0:1::/64"
    assert counted_address("203.0.113.81") == "203.0.113.81"


@pytest.mark.parametrize("text", ["", "unknown", "testclient", "203.0.113.9:80"])
def test_what_is_no_address_stays_as_it_is(text: str) -> None:
    assert counted_address(text) == text
