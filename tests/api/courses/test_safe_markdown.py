"""A course's description is Markdown that cannot run, whatever is written into it."""

import pytest

from tests.academies.courses import published
from tests.academies.html import assert_harmless, elements
from tests.academies.in_process import TestAcademy

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARKDOWN = [
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](java\nscript:alert(1))",
    "[click](&#106;avascript:alert(1))",
    "[click](  javascript:alert(1) )",
    "[click](vbscript:msgbox(1))",
    "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    '![x" onerror="alert(1)](https://example.com/x.png)',
    '[x](https://example.com "title\\" onmouseover=\\"alert(1)")',
    "<javascript:alert(1)>",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<details open ontoggle=alert(1)>",
    "<style>*{background:url(javascript:alert(1))}</style>",
    "<base href='https://evil.example/'>",
    "<!-- --><script>alert(1)</script>",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "[ref]\n\n[ref]: javascript:alert(1)",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "# <script>alert(1)</script>",
    "`<script>alert(1)</script>`",
    '[x](https://example.com/"onmouseover=alert(1))',
]


@pytest.mark.parametrize("markdown", MARKDOWN)
async def test_no_markdown_runs(shared_embedded_academy: TestAcademy, markdown: str) -> None:
    made = await published(shared_embedded_academy, description=f"Before.\n\n{markdown}\n\nAfter.")
    page = (await shared_embedded_academy.browser().get(f"/courses/{made.slug}")).text
    assert_harmless(page)
    [prose] = elements(page, "div", class_="prose")
    assert prose.text.startswith("Before.")
    assert prose.text.endswith("After.")


async def test_links_in_a_description_pass_no_trust_on(shared_embedded_academy: TestAcademy) -> None:
    made = await published(shared_embedded_academy, description="[elsewhere](https://example.com/a?b=1&c=2)")
    page = (await shared_embedded_academy.browser().get(f"/courses/{made.slug}")).text
    [link] = [found for found in elements(page, "a") if found.text == "elsewhere"]
    assert link.attributes == {"href": "https://example.com/a?b=1&c=2", "rel": "nofollow noopener"}
