"""Addresses of pictures in several sizes."""

import pytest

from academy.features.videos.addresses import srcset
from academy.infrastructure.media.images import Shape

ID = "01a22e28-2e85-76a2-a3cf-644f395ed74f"
FOLDER = f"/media/public/images/{ID}"


def test_all_sizes_of_a_picture() -> None:
    assert srcset(f"{FOLDER}/320.webp", Shape.AVATAR, "avif") == (
        f"{FOLDER}/80.avif 80w, {FOLDER}/160.avif 160w, {FOLDER}/320.avif 320w"
    )
    assert srcset(f"{FOLDER}/700.webp", Shape.COVER, "webp") == (
        f"{FOLDER}/320.webp 320w, {FOLDER}/640.webp 640w, {FOLDER}/700.webp 700w"
    )
    assert srcset(f"{FOLDER}/90.webp", Shape.COVER, "webp") == f"{FOLDER}/90.webp 90w"


@pytest.mark.parametrize(
    "url",
    [f"{FOLDER}.webp", f"{FOLDER}/320.png", f"{FOLDER}/x.webp", f"https://elsewhere.example{FOLDER}/320.webp", ""],
)
def test_a_picture_of_one_size_has_none(url: str) -> None:
    """As all have that were uploaded before there were several."""
    assert srcset(url, Shape.COVER, "webp") == ""
