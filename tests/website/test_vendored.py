"""What the website tests bring along from others is what its manifest says."""

import hashlib
import tomllib
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"


def test_the_manifest_is_true() -> None:
    packages = tomllib.loads((VENDOR / "vendored.toml").read_text("utf-8"))["packages"]
    named = {"vendored.toml"}
    for package in packages:
        assert package["version"] in (VENDOR / package["files"][0]["path"]).read_text("utf-8")[:200]
        named |= {*package["licence_files"], *(file["path"] for file in package["files"])}
        for file in package["files"]:
            assert hashlib.sha256((VENDOR / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    assert {path.name for path in VENDOR.iterdir()} == named
