"""The browser that the website tests drive, and the fonts it draws with."""

import shutil
from pathlib import Path

from tests.servers import programs

# Package -> a file that shows that it is there.
FONTS = {
    "fonts-dejavu-core": Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    "fonts-lohit-deva": Path("/usr/share/fonts/truetype/lohit-devanagari/Lohit-Devanagari.ttf"),
    "fonts-noto-color-emoji": Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),
}
NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> Path:
    """Returns the path of Chromium, installing it when this process is root. Raises ProgramMissing."""
    found = _find()
    if found is None:
        programs.install(["chromium"], hint="install Chromium: apt-get install chromium")
        found = _find()
    if found is None:
        raise programs.ProgramMissing("install Chromium so that `chromium` is on PATH")
    return found


def install_fonts() -> list[Path]:
    """Returns the fonts that the pages need, installing them when this process is root. Raises ProgramMissing."""
    missing = [package for package, file in FONTS.items() if not file.exists()]
    if missing:
        programs.install(missing, hint=f"install fonts: apt-get install {' '.join(missing)}")
    return list(FONTS.values())


def _find() -> Path | None:
    return next((Path(path) for name in NAMES if (path := shutil.which(name))), None)
