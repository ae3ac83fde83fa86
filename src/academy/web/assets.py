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
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)
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
_SCRIPTS = "js/"
_COLOR_OF_MARK = b"#2b3fd6"
_IMPORT = re.compile(r'^import\s[^;]*?\sfrom "\./([\w-]+\.js)";\n+', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=async function|function|class|const)", re.MULTILINE)
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
    folder with one file for each component or page. A folder of `static/js` is one script, too: see `joined_modules`.
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
                if prefix == _SCRIPTS:
                    self._add(f"{name}.js", joined_modules(entry).encode())
                elif name not in ("css", "licences"):
                    self._read(entry, f"{name}/")
            elif name.rpartition(".")[2] in _TYPES and name != _MARK:
                self._add(name, entry.read_bytes())

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
    """A stylesheet without its indentation and comments, or all in a folder in the order of their names."""
    if layer.is_dir():
        return "".join(_joined(entry) for entry in sorted(layer.iterdir(), key=lambda one: one.name))
    return _INDENTATION.sub("", _COMMENT.sub("", layer.read_text("utf-8")))


def joined_modules(folder: Traversable) -> str:
    """Returns the modules of a folder as one: each stands once, behind those that it imports, without the imports.

    So a page asks for one file, and no module must know the hash in another's address. The names at the top of the
    modules share one space: no two may be the same, exported or not.
    """
    texts = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir()}
    order: list[str] = []
    seen: set[str] = set()

    def add(name: str) -> None:
        if name not in seen:
            seen.add(name)
            for imported in _IMPORT.findall(texts[name]):
                add(imported)
            order.append(name)

    for name in sorted(texts):
        add(name)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", texts[name])) for name in order)


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
