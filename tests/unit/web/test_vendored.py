"""Everything that browsers get and others made is listed, unchanged and comes with its licence."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

import academy.web

STATIC = Path(academy.web.__file__).parent / "static"
PACKAGES: list[dict[str, Any]] = tomllib.loads((STATIC / "vendored.toml").read_text("utf-8"))["packages"]
OUR_FOLDERS = {"css", "js"}
OUR_FILES = {"favicon.svg", "vendored.toml"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_a_package_is_pinned_licensed_and_unchanged(package: dict[str, Any]) -> None:
    assert package["version"][0].isdigit()
    assert package["licence"]
    assert (STATIC / package["licence_file"]).stat().st_size > 200
    assert package["files"]
    for file in package["files"]:
        assert hashlib.sha256((STATIC / file["path"]).read_bytes()).hexdigest() == file["sha256"], file["path"]


def test_no_file_of_others_is_missing_in_the_list() -> None:
    listed = {file["path"] for package in PACKAGES for file in package["files"]}
    listed |= {package["licence_file"] for package in PACKAGES}
    present = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    of_others = {path for path in present if path.partition("/")[0] not in OUR_FOLDERS} - OUR_FILES
    assert of_others == listed
