"""What a page holds, for tests: its elements, links and text, as a browser would read them."""

from html.parser import HTMLParser
from typing import NamedTuple

_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)


class Element(NamedTuple):
    """An element with the text inside it, white space folded."""

    name: str
    attributes: dict[str, str]
    text: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        words: list[str] = []
        self.elements.append((tag, {name: value or "" for name, value in attrs}, words))
        if tag not in _VOID:
            self._open.append((tag, words))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        if tag in {name for name, _ in self._open}:
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        for _, words in self._open:
            words.append(data)


def elements(html: str, name: str = "", /, **attributes: str) -> list[Element]:
    """The elements of a page in order, those of one name and with these attributes (`class_` matches one class)."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    found = [Element(tag, attrs, " ".join("".join(words).split())) for tag, attrs, words in reader.elements]
    return [element for element in found if name in ("", element.name) and _fits(element, attributes)]


def _fits(element: Element, wanted: dict[str, str]) -> bool:
    for key, value in wanted.items():
        if key == "class_":
            if value not in element.attributes.get("class", "").split():
                return False
        elif element.attributes.get(key.replace("_", "-")) != value:
            return False
    return True


def links(html: str) -> list[str]:
    """Where the links of a page lead."""
    return [element.attributes.get("href", "") for element in elements(html, "a")]


def text(html: str) -> str:
    """All words of a page's body, white space folded."""
    [body] = elements(html, "body")
    return body.text


def assert_harmless(html: str) -> None:
    """A browser must find no script in the page but its own files, no handler and no link that runs."""
    for element in elements(html):
        assert element.name not in {"svg:script", "iframe", "object", "embed", "base"}, element
        assert not [name for name in element.attributes if name.startswith("on")], element
        for name in ("href", "src", "action", "formaction", "xlink:href"):
            value = "".join(element.attributes.get(name, "").split()).lower()
            assert not value.startswith(("javascript:", "vbscript:", "data:text")), element
        if element.name == "script":
            own = element.attributes.get("src", "").startswith("/static/")
            assert own or element.attributes == {"type": "application/ld+json"}, element
        assert element.attributes.get("src") != "x", element
