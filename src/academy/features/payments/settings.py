"""Settings of the payments: checkouts, and who sells."""

from typing import Annotated

from msgspec import Meta, Struct

from academy.features.payments.gst_states import GST_STATES
from academy.features.payments.tax_ids import parse_tax_id
from academy.kit.errors import InvalidError


class PaymentSettings(Struct, frozen=True, kw_only=True):
    """How long a buyer may take, and what invoices say of the seller."""

    checkout_minutes: Annotated[
        int,
        Meta(
            title="CHECKOUT_MINUTES",
            description="How long a buyer may take to pay; after that a coupon is free again for others. "
            "Stripe takes 30 minutes at least.",
            ge=30,
            le=1440,
        ),
    ] = 60
    invoice_prefix: Annotated[
        str,
        Meta(
            title="INVOICE_PREFIX",
            description="Beginning of the numbers of invoices; those of credit notes begin with it and a C.",
            pattern=r"^[A-Z]{1,3}\Z",
        ),
    ] = "RA"
    service_code: Annotated[
        str,
        Meta(
            title="INVOICE_SERVICE_CODE",
            description="What is sold, on invoices: in India the HSN/SAC code of your service.",
            max_length=20,
            examples=["999293"],
        ),
    ] = ""
    notes: Annotated[
        str,
        Meta(
            title="INVOICE_NOTES",
            description="What the law wants to have said on your invoices; lines separated by `|`.",
            max_length=600,
            examples=["Supply meant for export under letter of undertaking without payment of IGST"],
        ),
    ] = ""
    seller_name: Annotated[
        str, Meta(title="SELLER_NAME", description="Who sells, on invoices; empty: the academy's name.", max_length=120)
    ] = ""
    seller_address: Annotated[
        str,
        Meta(
            title="SELLER_ADDRESS",
            description="Address of the seller, on invoices; its lines separated by `|`.",
            max_length=400,
            examples=["12 Church Street | Bengaluru 560001"],
        ),
    ] = ""
    seller_country: Annotated[
        str,
        Meta(
            title="SELLER_COUNTRY",
            description="Country of the seller, ISO 3166-1; chosen for buyers, too, as long as they choose none.",
            pattern=r"^[A-Z]{2}\Z",
        ),
    ] = "IN"
    seller_state: Annotated[
        str,
        Meta(
            title="SELLER_STATE",
            description="State of an Indian seller, the two digits that its GSTIN begins with: GST of buyers in the "
            "same state is split in CGST and SGST.",
            pattern=r"^([0-9]{2})?\Z",
            examples=["29"],
        ),
    ] = ""
    seller_tax_id: Annotated[
        str, Meta(title="SELLER_TAX_ID", description="GSTIN or VAT id of the seller, on invoices.", max_length=30)
    ] = ""

    @property
    def address_lines(self) -> list[str]:
        """SELLER_ADDRESS line by line."""
        return _lines(self.seller_address)

    @property
    def note_lines(self) -> list[str]:
        """INVOICE_NOTES line by line."""
        return _lines(self.notes)


def wrong_payment_settings(settings: PaymentSettings) -> dict[str, str]:
    """Returns what of the seller cannot be: variable -> what is wrong and what to do."""
    wrong: dict[str, str] = {}
    if settings.seller_state and settings.seller_state not in GST_STATES:
        wrong["SELLER_STATE"] = "is the code of no state. It is the first two digits of your GSTIN."
    if settings.seller_tax_id:
        try:
            number = parse_tax_id(settings.seller_tax_id, settings.seller_country)
        except InvalidError as error:
            wrong["SELLER_TAX_ID"] = next(iter(error.fields.values()), error.message)
        else:
            if settings.seller_country == "IN" and settings.seller_state not in ("", number[:2]):
                wrong["SELLER_STATE"] = f"is not the state of SELLER_TAX_ID, which begins with {number[:2]}."
    return wrong


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("|") if line.strip()]
