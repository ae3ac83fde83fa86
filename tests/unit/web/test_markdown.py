import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.web.markdown import render_markdown, render_markdown_async

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](java\nscript:alert(1))",
    "[click](&#106;avascript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click](vbscript:x)",
    "![x](javascript:alert(1))",
    '![x](x "onerror=alert(1)")',
    "<javascript:alert(1)>",
    '[x](http://a.test "a\\" onmouseover=\\"alert(1)")',
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "`</code><svg onload=alert(1)>`",
    '<a href="x" style="position:fixed">x</a>',
    "<iframe src=//a.test></iframe>",
    "<style>*{display:none}</style>",
    "[x]: javascript:alert(1)\n\n[x]",
    "<svg><use href=data:,x></svg>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]
SAFE_ATTRIBUTES = {"href", "title", "src", "alt", "start", "class", "rel", "tabindex"}
SAFE_SCHEMES = ("http:", "https:", "mailto:")


def check_safe(html: str) -> None:
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    for element in tree.iter():
        assert element.tag not in {"script", "style", "iframe", "svg", "object", "form", "input"}
        for name, value in element.attrib.items():
            assert name in SAFE_ATTRIBUTES
            if name in {"href", "src"} and ":" in value.partition("/")[0]:
                assert value.startswith(SAFE_SCHEMES), value


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_in_a_text_becomes_a_script(attack: str) -> None:
    check_safe(render_markdown(attack))
    check_safe(render_markdown(f"# {attack}\n\n> - {attack}\n\n| a |\n|---|\n| {attack} |"))


@given(st.lists(st.one_of(st.sampled_from([*ATTACKS, "\n\n", "[", "](", ")", "<", ">", "`", '"']), st.text())))
def test_no_mixture_becomes_a_script(parts: list[str]) -> None:
    check_safe(render_markdown("".join(parts)))


def test_what_authors_write_looks_as_they_meant() -> None:
    html = render_markdown("# Loops\n\n*One* **two** ~~three~~\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n3. x\n4. y\n")
    for part in ("<h2>Loops</h2>", "<em>One</em>", "<strong>two</strong>", "<s>three</s>", "<td>1</td>", 'start="3"'):
        assert part in html
    assert "<h1" not in html


def test_links_leave_without_a_trace_and_raw_html_is_text() -> None:
    assert render_markdown("[a](https://a.test)").count('rel="nofollow noopener"') == 1
    assert "&lt;b&gt;bold&lt;/b&gt;" in render_markdown("<b>bold</b>")


def test_code_keeps_its_language_and_its_signs() -> None:
    html = render_markdown("```python\nif a < b and c > d:\n```")
    assert 'class="language-python"' in html
    assert "if a &lt; b and c &gt; d:" in html


async def test_a_long_text_comes_out_the_same() -> None:
    text = "A *word* in many.\n\n" * 2_000
    assert await render_markdown_async(text) == render_markdown(text)
    assert await render_markdown_async("*short*") == render_markdown("*short*")
