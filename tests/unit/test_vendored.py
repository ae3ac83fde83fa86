"""Everything that others made and we ship is listed, unchanged and comes with its licence."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

import academy

_SOURCE = Path(academy.__file__).parent
STATIC = _SOURCE / "web" / "static"
FONTS = _SOURCE / "infrastructure" / "pdf" / "fonts"
PACKAGES: list[tuple[Path, dict[str, Any]]] = [
    (folder, package)
    for folder in (STATIC, FONTS)
    for package in tomllib.loads((folder / "vendored.toml").read_text("utf-8"))["packages"]
]
OUR_FOLDERS = {"css", "sheets", "js"}
OUR_FILES = {"favicon.svg", "vendored.toml"}


@pytest.mark.parametrize(
    ("folder", "package"), PACKAGES, ids=[f"{folder.name}-{package['name']}" for folder, package in PACKAGES]
)
def test_a_package_is_pinned_licensed_and_unchanged(folder: Path, package: dict[str, Any]) -> None:
    assert package["version"][0].isdigit()
    assert package["licence"]
    assert (folder / package["licence_file"]).stat().st_size > 200
    assert package["files"]
    for file in package["files"]:
        assert hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest() == file["sha256"], file["path"]


@pytest.mark.parametrize("folder", [STATIC, FONTS], ids=lambda folder: folder.name)
def test_no_file_of_others_is_missing_in_the_list(folder: Path) -> None:
    packages = [package for home, package in PACKAGES if home == folder]
    listed = {file["path"] for package in packages for file in package["files"]}
    listed |= {package["licence_file"] for package in packages}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    of_others = {path for path in present if path.partition("/")[0] not in OUR_FOLDERS} - OUR_FILES
    assert of_others == listed
