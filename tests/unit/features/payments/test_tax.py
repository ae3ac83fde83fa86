"""Tax arithmetic: the lines are the total, whatever the currency, the rates and the refunds."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from academy.features.payments.tax import Quote, TaxLine, TaxRate, gst_rates, quote, share
from academy.kit.errors import InvalidError
from academy.kit.money import Money

# One currency of each exponent of ISO 4217: 0, 2, 3, 4.
CURRENCIES = ("JPY", "INR", "KWD", "CLF")
GST = 1800


def rupees(amount: int) -> Money:
    return Money(amount=amount, currency="INR")


@some.composite
def prices(draw: some.DrawFn) -> Money:
    currency = draw(some.sampled_from(CURRENCIES))
    largest = 100_000 * 10 ** Money(amount=0, currency=currency).exponent
    return Money(amount=draw(some.integers(0, 50) | some.integers(0, largest)), currency=currency)


@some.composite
def rate_lists(draw: some.DrawFn) -> list[TaxRate]:
    """Up to five rates, of 100 % together at most, often two of the same."""
    cuts = sorted(draw(some.lists(some.integers(0, 10_000), max_size=5)))
    steps = [high - low for low, high in zip([0, *cuts], cuts, strict=False)]
    halved = some.integers(0, 5_000).map(lambda half: [half, half])
    points = draw(some.just(steps) | halved)
    return [TaxRate(name=f"tax {place}", basis_points=each) for place, each in enumerate(points)]


@some.composite
def quotes(draw: some.DrawFn) -> Quote:
    price = draw(prices())
    discount = draw(some.integers(0, price.amount) | some.just(0))
    return quote(price, discount, draw(rate_lists()), inclusive=draw(some.booleans()))


def assert_adds_up(quoted: Quote) -> None:
    assert quoted.net + sum(line.amount for line in quoted.taxes) == quoted.total
    assert quoted.price - quoted.discount == (quoted.total if quoted.inclusive else quoted.net)
    amounts = [quoted.price, quoted.discount, quoted.net, quoted.total, *(line.amount for line in quoted.taxes)]
    assert min(amounts) >= 0


@given(quotes())
def test_the_lines_are_the_total(quoted: Quote) -> None:
    assert_adds_up(quoted)


@given(quotes())
def test_each_tax_is_its_rate_of_the_net_to_the_nearest_unit(quoted: Quote) -> None:
    points = sum(line.basis_points for line in quoted.taxes)
    exact_net = Fraction(quoted.total * 10_000, 10_000 + points) if quoted.inclusive else Fraction(quoted.net)
    for line in quoted.taxes:
        exact = exact_net * line.basis_points / 10_000
        assert line.amount - Fraction(1, 2) <= exact < line.amount + Fraction(1, 2)


@given(quotes())
def test_taxes_of_one_rate_are_of_one_amount(quoted: Quote) -> None:
    by_rate = {line.basis_points: line.amount for line in quoted.taxes}
    assert all(line.amount == by_rate[line.basis_points] for line in quoted.taxes)


@given(prices(), rate_lists(), some.booleans(), some.data())
def test_less_discount_never_costs_less(
    price: Money, rates: list[TaxRate], inclusive: bool, data: some.DataObject
) -> None:
    larger = data.draw(some.integers(0, price.amount))
    smaller = data.draw(some.integers(0, larger))
    cheap, dear = (quote(price, discount, rates, inclusive=inclusive) for discount in (larger, smaller))
    assert cheap.total <= dear.total
    assert all(low.amount <= high.amount for low, high in zip(cheap.taxes, dear.taxes, strict=True))


@given(prices(), rate_lists())
def test_tax_on_top_is_never_less_than_tax_within(price: Money, rates: list[TaxRate]) -> None:
    within, on_top = (quote(price, 0, rates, inclusive=inclusive) for inclusive in (True, False))
    assert within.total == price.amount <= on_top.total
    assert on_top.net == price.amount >= within.net


@given(quotes(), some.data())
def test_refunds_take_exactly_the_lines(quoted: Quote, data: some.DataObject) -> None:
    shares: list[Quote] = []
    left = quoted.total
    while left:
        # Some take one unit, so that the last few are shared one by one.
        refunded = data.draw(some.integers(1, left) | some.just(1)) if len(shares) < 12 else left
        shares.append(share(quoted, refunded, shares))
        left -= refunded
        assert shares[-1].total == refunded
    for each in shares:
        assert_adds_up(each)
    if shares:
        assert sum(each.price for each in shares) == quoted.price
        assert sum(each.discount for each in shares) == quoted.discount
        assert sum(each.net for each in shares) == quoted.net
        for place, line in enumerate(quoted.taxes):
            assert sum(each.taxes[place].amount for each in shares) == line.amount


@given(quotes().filter(lambda quoted: quoted.total > 0))
def test_a_refund_of_everything_is_the_quote(quoted: Quote) -> None:
    assert share(quoted, quoted.total) == quoted


@given(some.integers(100, 10_000_000), some.booleans(), some.data())
def test_halves_stay_equal_in_a_partial_refund(price: int, inclusive: bool, data: some.DataObject) -> None:
    rates = gst_rates(GST, seller_state="29", place_of_supply="29")
    quoted = quote(rupees(price), 0, rates, inclusive=inclusive)
    cgst, sgst = share(quoted, data.draw(some.integers(1, quoted.total))).taxes
    assert cgst.amount == sgst.amount


def test_tax_within_the_price() -> None:
    rates = gst_rates(GST, seller_state="29", place_of_supply="29")
    assert quote(rupees(149_900), 0, rates, inclusive=True) == Quote(
        currency="INR",
        inclusive=True,
        price=149_900,
        discount=0,
        net=127_034,
        taxes=[
            TaxLine(name="CGST", basis_points=900, amount=11_433),
            TaxLine(name="SGST", basis_points=900, amount=11_433),
        ],
        total=149_900,
    )


def test_tax_on_top_of_the_discounted_price() -> None:
    rates = gst_rates(GST, seller_state="29", place_of_supply="27")
    assert quote(rupees(149_900), 49_900, rates, inclusive=False) == Quote(
        currency="INR",
        inclusive=False,
        price=149_900,
        discount=49_900,
        net=100_000,
        taxes=[TaxLine(name="IGST", basis_points=1800, amount=18_000)],
        total=118_000,
    )


def test_a_half_is_rounded_up() -> None:
    rate = TaxRate(name="VAT", basis_points=1000)
    on_top = [quote(rupees(price), 0, [rate], inclusive=False).taxes[0].amount for price in (4, 5, 14, 15)]
    assert on_top == [0, 1, 1, 2]


def test_without_taxes_the_net_is_the_total() -> None:
    quoted = quote(rupees(999), 99, [], inclusive=False)
    assert (quoted.net, quoted.taxes, quoted.total) == (900, [], 900)


def test_the_last_unit_of_two_halves_cannot_be_halved() -> None:
    halves = [TaxLine(name=name, basis_points=5000, amount=1) for name in ("CGST", "SGST")]
    quoted = Quote(currency="JPY", inclusive=False, price=0, discount=0, net=0, taxes=halves, total=2)
    first = share(quoted, 1)
    second = share(quoted, 1, [first])
    assert [line.amount for line in first.taxes] == [1, 0]
    assert [line.amount for line in second.taxes] == [0, 1]


@pytest.mark.parametrize(
    ("seller", "place", "names"),
    [
        ("29", "29", ["CGST", "SGST"]),
        ("29", "27", ["IGST"]),
        ("29", "", ["IGST"]),
        ("04", "04", ["CGST", "UTGST"]),
        # Delhi, Puducherry and Jammu and Kashmir have legislatures.
        ("07", "07", ["CGST", "SGST"]),
        ("34", "34", ["CGST", "SGST"]),
        ("01", "01", ["CGST", "SGST"]),
    ],
)
def test_gst_is_the_states_or_integrated(seller: str, place: str, names: list[str]) -> None:
    rates = gst_rates(GST, seller_state=seller, place_of_supply=place)
    assert [rate.name for rate in rates] == names
    assert sum(rate.basis_points for rate in rates) == GST


def test_an_odd_rate_has_no_half() -> None:
    with pytest.raises(ValueError, match="no half"):
        gst_rates(25, seller_state="29", place_of_supply="29")


@pytest.mark.parametrize("discount", [-1, 1000])
def test_a_discount_is_within_the_price(discount: int) -> None:
    with pytest.raises(ValueError, match="discount"):
        quote(rupees(999), discount, [], inclusive=True)


@pytest.mark.parametrize("points", [[-1], [5000, 5001], [9000, -1]])
def test_rates_are_within_reason(points: list[int]) -> None:
    rates = [TaxRate(name="tax", basis_points=each) for each in points]
    with pytest.raises(ValueError, match="Rates"):
        quote(rupees(999), 0, rates, inclusive=True)


@pytest.mark.parametrize("refunded", [0, -1, 51])
def test_no_refund_is_more_than_is_left(refunded: int) -> None:
    quoted = quote(rupees(100), 0, gst_rates(GST, seller_state="29", place_of_supply="29"), inclusive=True)
    with pytest.raises(InvalidError) as refused:
        share(quoted, refunded, [share(quoted, 50)])
    assert refused.value.fields == {"amount": "Give an amount above zero and up to 0.50 INR."}
