from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.infrastructure.storage.signing import UrlSigner

SECRET = b"0123456789abcdef0123456789abcdef"


class SetClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@given(st.text())
def test_a_signature_holds_for_its_path_until_it_expires(path: str) -> None:
    clock = SetClock()
    signer = UrlSigner(SECRET, clock)
    query = dict(parse_qsl(signer.sign(path, timedelta(minutes=5))))
    assert signer.verify(path, query)
    assert not signer.verify(path + "x", query)
    clock.moment += timedelta(minutes=4, seconds=59)
    assert signer.verify(path, query)
    clock.moment += timedelta(seconds=1)
    assert not signer.verify(path, query)


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "99999999999"},
        {"expires": ""},
        {"expires": "1e99"},
        {"expires": "９" * 10},
        {"expires": "9" * 5000},
        {"expires": "-1"},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "ü"},
    ],
)
def test_a_changed_query_is_refused(change: dict[str, str]) -> None:
    signer = UrlSigner(SECRET, SetClock())
    query = dict(parse_qsl(signer.sign("/media/a", timedelta(minutes=5))))
    assert signer.verify("/media/a", query)
    assert not signer.verify("/media/a", query | change)
    assert not signer.verify("/media/a", {})


def test_another_secret_is_refused() -> None:
    query = dict(parse_qsl(UrlSigner(SECRET, SetClock()).sign("/media/a", timedelta(minutes=5))))
    assert not UrlSigner(b"another secret of some length", SetClock()).verify("/media/a", query)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        UrlSigner(b"short", SetClock())
