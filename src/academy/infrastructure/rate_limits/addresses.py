"""Whose tries count together: one network address, in whatever way it is written."""

from ipaddress import IPv6Address, ip_address

# What one customer of a provider has at the least (RFC 6177, section 2): whoever has it has 2^64 addresses.
_CUSTOMER_BITS = 64
_HOST_BITS = 128 - _CUSTOMER_BITS


def counted_address(address: str) -> str:
    """Returns what tries from an address are counted under: IPv4 by itself, IPv6 by its /64.

    An IPv4 address that is written as IPv6 (RFC 4291, section 2.5.5.2) is the IPv4 address. What is no address, as when
    it is unknown, stays as it is.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    network = IPv6Address(int(parsed) >> _HOST_BITS << _HOST_BITS)
    return f"{network}/{_CUSTOMER_BITS}"
