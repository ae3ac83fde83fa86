"""The files browsers get: hashed names, compressed once, read into memory when the academy starts."""

import gzip
import hashlib
import re
from importlib.resources import files
from importlib.resources.abc import Traversable

import brotli
import msgspec

STYLESHEETS = ("tokens.css", "base.css", "components", "pages")
STYLESHEET = "app.css"
_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
    "png": "image/png",
}
_COMPRESSED_ALREADY = ("woff2", "png")
# The academy's mark, drawn in the colour of the settings.
_MARK = "favicon.svg"
_COLOR_OF_MARK = b"#2b3fd6"
_IMPORT = re.compile(r'from "\./([\w.-]+\.js)"')
_HEX_COLOR = re.compile(r"^#[0-9a-fA-F]{6}$")


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A file ready to send: its bytes plain and compressed (None when that does not help), its type and entity tag."""

    body: bytes
    brotli: bytes | None
    gzip: bytes | None
    content_type: str
    etag: str


class Assets:
    """All static files by their hashed address `/static/<name>.<hash>.<ending>`.

    The stylesheets of `static/css` are joined into one, in the order of their cascade layers; a layer is a file, or a
    folder with one file for each component or page. Scripts import each other by `from "./name.js"`, never in a circle.
    """

    def __init__(self, accent: str) -> None:
        self._by_path: dict[str, Asset] = {}
        self._urls: dict[str, str] = {}
        root = files("academy.web") / "static"
        self._read(root, "")
        self._add(_MARK, (root / _MARK).read_bytes().replace(_COLOR_OF_MARK, accent.encode()))
        css = "".join(_joined(root / "css" / layer) for layer in STYLESHEETS)
        self._add(STYLESHEET, (self._resolved(css) + theme_css(accent)).encode())

    def url(self, name: str) -> str:
        """Returns the hashed address of a file. Raises KeyError for an unknown name, which is a bug in a template."""
        return self._urls[name]

    def get(self, path: str) -> Asset | None:
        """Returns the asset at an address, None when there is none."""
        return self._by_path.get(path)

    def _read(self, folder: Traversable, prefix: str) -> None:
        for entry in sorted(folder.iterdir(), key=lambda one: one.name):
            name = f"{prefix}{entry.name}"
            if entry.is_dir():
                if name not in ("css", "licences"):
                    self._read(entry, f"{name}/")
            elif name.endswith(".js"):
                self._add_script(folder, prefix, entry.name)
            elif name.rpartition(".")[2] in _TYPES and name != _MARK:
                self._add(name, entry.read_bytes())

    def _add_script(self, folder: Traversable, prefix: str, name: str) -> str:
        """Adds a script after those that it imports, which it then names by their hashed addresses; returns its own."""
        if f"{prefix}{name}" not in self._urls:
            text = (folder / name).read_text("utf-8")
            resolved = _IMPORT.sub(lambda found: f'from "{self._add_script(folder, prefix, found.group(1))}"', text)
            self._add(f"{prefix}{name}", resolved.encode())
        return self._urls[f"{prefix}{name}"]

    def _add(self, name: str, body: bytes) -> None:
        digest = hashlib.blake2b(body, digest_size=6).hexdigest()
        stem, _, ending = name.rpartition(".")
        url = f"/static/{stem}.{digest}.{ending}"
        small = ending in _COMPRESSED_ALREADY
        self._urls[name] = url
        self._by_path[url] = Asset(
            body=body,
            brotli=None if small else brotli.compress(body, quality=7),
            gzip=None if small else gzip.compress(body, 6, mtime=0),
            content_type=_TYPES[ending],
            etag=f'"{digest}"',
        )

    def _resolved(self, css: str) -> str:
        """Puts the hashed addresses of fonts and pictures into a stylesheet: url(name) -> url(/static/name.hash)."""
        return re.sub(r"url\(([\w./-]+)\)", lambda found: f"url({self._urls[found.group(1)]})", css)


def _joined(layer: Traversable) -> str:
    """The text of a stylesheet, or of all in a folder in the order of their names."""
    if layer.is_dir():
        return "".join(_joined(entry) for entry in sorted(layer.iterdir(), key=lambda one: one.name))
    return layer.read_text("utf-8")


def theme_css(accent: str) -> str:
    """Returns the rules that put the academy's accent colour into the tokens.

    The colour is moved to a lightness at which text on it, and it on the page, have at least the contrast of WCAG AA in
    both colour schemes; its hue and, mostly, its chroma stay. Raises ValueError for anything but #rrggbb.
    """
    if not _HEX_COLOR.match(accent):
        raise ValueError("the accent colour is written #rrggbb")
    light = f"oklch(from {accent} 0.48 min(c, 0.21) h)"
    dark = f"oklch(from {accent} 0.78 min(c, 0.13) h)"
    return f"\n@layer tokens{{:root{{--accent:light-dark({light},{dark})}}}}\n"
