import pytest

from academy.kit.places import clock_time


@pytest.mark.parametrize(
    ("seconds", "written"), [(0, "0:00"), (9.99, "0:09"), (95, "1:35"), (3_599, "59:59"), (3_723.5, "1:02:03")]
)
def test_places_in_a_video(seconds: float, written: str) -> None:
    assert clock_time(seconds) == written
