"""Invoices as PDF: everything that has to be said is said once, in its place, whatever the texts and the currency."""

import asyncio
import itertools
import sys
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from academy.features.payments.invoice import Buyer, Invoice, InvoiceKind, Seller
from academy.features.payments.invoice_pdf import InvoicePrinter
from academy.features.payments.tax import TaxRate, gst_rates, quote, share
from academy.infrastructure.email.rendering import Branding
from academy.kit.colors import WHITE, contrast
from academy.kit.money import Money
from tests.printed import Line, Printed
from tests.unit.features.payments.invoices import BRANDING, BUYER, SELLER, an_invoice

IGST = gst_rates(1800, seller_state="29", place_of_supply="27")
LEFT, RIGHT = 22.0, 188.0
HAIR = 0.1


async def printed(invoice: Invoice, branding: Branding = BRANDING) -> Printed:
    return Printed(await InvoicePrinter(branding).pdf(invoice))


def assert_well_set(page: Printed) -> None:
    """Nothing leaves the margins, and no two texts stand on each other."""
    for line in page.lines:
        assert LEFT - HAIR <= line.left <= line.right <= RIGHT + HAIR, line
        assert 15 < line.y < 285, line
    for one, other in itertools.combinations(page.lines, 2):
        assert not _overlap(one, other), (one, other)


def _overlap(one: Line, other: Line) -> bool:
    ascent = 0.7 * max(one.size, other.size) * 25.4 / 72
    beside = one.right <= other.left or other.right <= one.left
    return one.page == other.page and not beside and abs(one.y - other.y) < ascent


async def test_a_tax_invoice_says_all_of_it() -> None:
    page = await printed(an_invoice())
    assert page.texts == [
        "R",
        "Rtech Academy",
        "rtechacademy.com",
        "Tax invoice",
        "Number",
        "RA/26-27/000142",
        "Date",
        "23 November 2026",
        "Paid by",
        "UPI, Razorpay",
        "From",
        "Rtech Learning Private Limited",
        "17 Residency Road",
        "Bengaluru 560025",
        "Karnataka, India",
        "GSTIN 29AAGCB7383J1Z4",
        "Billed to",
        "Maya Rao",
        "Karnataka, India",
        "maya@example.com",
        "Description",
        "Amount in INR",
        "Python from the first line",
        "₹1,499.00",
        "Taxes included · HSN/SAC 999293",
        "Taxable value",
        "₹1,270.34",
        "CGST 9%",
        "₹114.33",
        "SGST 9%",
        "₹114.33",
        "Total paid",
        "₹1,499.00",
        "Place of supply: Karnataka (29)",
        "Tax payable on reverse charge: No",
        "Issued electronically, without signature.",
        "Questions? support@rtechacademy.com",
        "Page 1 of 1",
    ]
    assert page.pages == 1
    assert_well_set(page)


async def test_a_credit_note_names_its_invoice_and_why() -> None:
    invoice = an_invoice()
    credit_note = an_invoice(
        kind=InvoiceKind.CREDIT_NOTE,
        number="CN/26-27/000007",
        of_number=invoice.number,
        of_issued_at=invoice.issued_at,
        issued_at=datetime(2026, 12, 1, 12, tzinfo=UTC),
        quote=share(invoice.quote, 50_000),
        refund_reason="Asked within fourteen days",
    )
    page = await printed(credit_note)
    facts = page.texts[page.texts.index("Credit note") : page.texts.index("From")]
    assert facts[1:] == [
        "Number",
        "CN/26-27/000007",
        "Date",
        "1 December 2026",
        "For invoice",
        "RA/26-27/000142",
        "Dated",
        "23 November 2026",
    ]
    total = page.texts.index("Total refunded")
    assert page.texts[total - 6 : total + 2] == [
        "Taxable value",
        "₹423.72",
        "CGST 9%",
        "₹38.14",
        "SGST 9%",
        "₹38.14",
        "Total refunded",
        "₹500.00",
    ]
    assert {"Refunded to: UPI, Razorpay", "Reason: Asked within fourteen days"} <= set(page.texts)
    assert {"Tax invoice", "Paid by", "Total paid"} & set(page.texts) == set()
    assert_well_set(page)


async def test_a_discount_and_taxes_on_top() -> None:
    quoted = quote(Money(amount=149_900, currency="INR"), 49_900, IGST, inclusive=False)
    page = await printed(an_invoice(quote=quoted))
    item = page.texts.index("Python from the first line")
    assert page.texts[item + 1 : item + 11] == [
        "₹1,499.00",
        "Before taxes · HSN/SAC 999293",
        "Discount",
        "-₹499.00",
        "Taxable value",
        "₹1,000.00",
        "IGST 18%",
        "₹180.00",
        "Total paid",
        "₹1,180.00",
    ]


@pytest.mark.parametrize(
    ("amount", "currency", "total"),
    [(12_000, "JPY", "JP¥12,000"), (45_500, "KWD", "KWD 45.500"), (123_456, "CLF", "CLF 12.3456"), (0, "INR", "₹0.00")],
)
async def test_amounts_have_the_decimals_of_their_currency(amount: int, currency: str, total: str) -> None:
    page = await printed(an_invoice(quote=quote(Money(amount=amount, currency=currency), 0, [], inclusive=True)))
    assert page.texts.count(total) == 2
    assert "Taxable value" not in page.texts
    assert f"Amount in {currency}" in page.texts


async def test_who_is_not_registered_issues_no_tax_invoice() -> None:
    seller = Seller(name="Asha Menon", address=["Kochi"], country="IN", state="32")
    page = await printed(
        an_invoice(seller=seller, quote=quote(Money(amount=100, currency="INR"), 0, [], inclusive=True))
    )
    assert "Invoice" in page.texts
    said = " ".join(page.texts)
    assert [word for word in ("Tax invoice", "GSTIN", "supply", "reverse", "CGST") if word in said] == []


@pytest.mark.parametrize(
    ("buyer", "place"),
    [
        (BUYER, "Karnataka (29)"),
        (msgspec.structs.replace(BUYER, state="27"), "Maharashtra (27)"),
        (msgspec.structs.replace(BUYER, state=""), "Karnataka (29)"),
        (Buyer(name="Zoë", email="z@example.de", country="DE", tax_id="DE136695976"), "Germany"),
    ],
)
async def test_the_place_of_supply_is_the_buyers(buyer: Buyer, place: str) -> None:
    page = await printed(an_invoice(buyer=buyer))
    assert f"Place of supply: {place}" in page.texts


async def test_a_european_seller_knows_nothing_of_gst() -> None:
    seller = Seller(
        name="Lernen GmbH", address=["Berlin"], country="DE", tax_id="DE136695976", time_zone="Europe/Berlin"
    )
    buyer = Buyer(name="Zoë", email="z@example.ie", country="IE", tax_id="IE6433435F", address=["Main Street", "Cork"])
    page = await printed(an_invoice(seller=seller, buyer=buyer, service_code="", notes=["Reverse charge"]))
    parties = page.texts[page.texts.index("From") : page.texts.index("Description")]
    assert parties == [
        "From",
        "Lernen GmbH",
        "Berlin",
        "Germany",
        "Tax number DE136695976",
        "Billed to",
        "Zoë",
        "Main Street",
        "Cork",
        "Ireland",
        "Tax number IE6433435F",
        "z@example.ie",
    ]
    assert "Reverse charge" in page.texts
    assert [text for text in page.texts if "supply" in text or "Issued" in text] == []


async def test_hindi_names_and_titles() -> None:
    name, title = "श्रीमती लक्ष्मी त्रिपाठी", "छोटे व्यापार का हिसाब"
    page = await printed(an_invoice(buyer=msgspec.structs.replace(BUYER, name=name), description=title))
    assert page.line(name).typefaces[0] == "NotoSansDevanagariSemiBold"
    assert page.line(name).glyphs < len(name)
    assert page.line(title).text == title
    assert page.line("maya@example.com").typefaces == ("Figtree",)
    assert_well_set(page)


async def test_long_texts_stay_in_their_places() -> None:
    long = "A very long text that has no end " * 100
    invoice = an_invoice(
        seller=msgspec.structs.replace(SELLER, name=long, address=[long] * 20),
        buyer=msgspec.structs.replace(BUYER, name=long, email="m" * 400, address=[long] * 20, tax_id="9" * 30),
        description=long,
        payment_method=long,
        refund_reason=long,
        notes=[long] * 12,
        quote=quote(Money(amount=10**17, currency="KWD"), 10**16, IGST, inclusive=False),
    )
    page = await printed(invoice, msgspec.structs.replace(BRANDING, name=long))
    assert {"KWD 10,00,00,00,00,00,000.000", "KWD 10,62,00,00,00,00,000.000"} <= set(page.texts)
    assert [f"Page {number} of {page.pages}" for number in range(1, page.pages + 1)] == [
        text for text in page.texts if text.startswith("Page ")
    ]
    assert page.pages == 2
    assert page.line("Tax invoice RA/26-27/000142").page == 1
    assert_well_set(page)


async def test_many_taxes_go_on_on_another_page() -> None:
    rates = [TaxRate(name=f"Tax {number}", basis_points=125) for number in range(40)]
    quoted = quote(Money(amount=100_000, currency="INR"), 0, rates, inclusive=False)
    page = await printed(an_invoice(quote=quoted))
    assert [text for text in page.texts if text.startswith("Tax ") and text.endswith("1.25%")] == [
        f"Tax {number} 1.25%" for number in range(40)
    ]
    assert page.texts.count("₹12.50") == 40
    assert page.pages == 2
    assert_well_set(page)


@given(
    some.text(max_size=80), some.text(max_size=200), some.integers(0, 10**12), some.sampled_from(["INR", "JPY", "KWD"])
)
@settings(max_examples=15, deadline=None)
def test_whatever_the_texts_it_is_an_invoice(name: str, title: str, amount: int, currency: str) -> None:
    invoice = an_invoice(
        buyer=msgspec.structs.replace(BUYER, name=name, address=[title, name]),
        description=title,
        refund_reason=name,
        notes=[title],
        quote=quote(Money(amount=amount, currency=currency), amount // 3, IGST, inclusive=True),
    )
    page = asyncio.run(printed(invoice))
    assert page.texts.count("Total paid") >= 1
    assert_well_set(page)


@pytest.mark.parametrize("accent", ["#ffd400", "#ffffff", "#000000", "#3d5afe"])
async def test_texts_can_be_read_whatever_the_accent(accent: str) -> None:
    page = await printed(an_invoice(), msgspec.structs.replace(BRANDING, accent=accent))
    mark, *others = page.lines
    assert contrast(mark.color, accent) >= 4.5
    assert [line for line in others if contrast(line.color, WHITE) < 4.5] == []


def test_an_accent_is_a_colour() -> None:
    with pytest.raises(ValueError, match="colour"):
        InvoicePrinter(msgspec.structs.replace(BRANDING, accent="blue"))


async def test_the_same_invoice_is_the_same_file_in_every_process() -> None:
    script = (
        "import asyncio, hashlib\n"
        "from academy.features.payments.invoice_pdf import InvoicePrinter\n"
        "from tests.unit.features.payments.invoices import BRANDING, an_invoice\n"
        "pdf = asyncio.run(InvoicePrinter(BRANDING).pdf(an_invoice(description='गणित Ω Math')))\n"
        "print(hashlib.sha256(pdf).hexdigest())\n"
    )
    runs = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            stdout=asyncio.subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]
    digests = [(await run.communicate())[0] for run in runs]
    assert len(digests[0].strip()) == 64
    assert digests[0] == digests[1]
    printer = InvoicePrinter(BRANDING)
    first, again = [await printer.pdf(an_invoice()) for _ in range(2)]
    assert first == again
    assert first != await printer.pdf(an_invoice(number="RA/26-27/000143"))


async def test_the_loop_goes_on_while_many_are_rendered() -> None:
    invoices = [an_invoice(number=f"RA/26-27/{number:06}") for number in range(50)]
    printer = InvoicePrinter(BRANDING)
    rendering = asyncio.gather(*(printer.pdf(invoice) for invoice in invoices))
    turns = 0
    while not rendering.done():
        turns += 1
        await asyncio.sleep(0.001)
    # A loop that rendered by itself would come round once for each, at most.
    assert turns > 2 * len(invoices)
    for invoice, pdf in zip(invoices, await rendering, strict=True):
        assert invoice.number in Printed(pdf).texts


async def test_a_file_says_what_it_is() -> None:
    pdf = await InvoicePrinter(BRANDING).pdf(an_invoice())
    assert pdf.startswith(b"%PDF-1.")
    assert pdf.count(b"%%EOF") == 1
    assert b"/Title (Tax invoice RA/26-27/000142)" in pdf
    assert b"/Author (Rtech Learning Private Limited)" in pdf
    assert b"/Lang (en-IN)" in pdf
    assert b"/CreationDate (D:20261123120000Z)" in pdf
    assert len(pdf) < 40_000
