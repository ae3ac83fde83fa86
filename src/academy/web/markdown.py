"""Markdown from people, made into HTML that cannot hurt anybody."""

import asyncio

import nh3
from markdown_it import MarkdownIt

_TAGS = {
    "p", "br", "hr", "h2", "h3", "h4", "h5", "h6", "em", "strong", "del", "s", "code", "pre", "blockquote",
    "ul", "ol", "li", "a", "img", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}, "code": {"class"}}
# Unbalanced delimiters take time that grows with the square of their number.
_THREAD_ABOVE = 500


def render_markdown(text: str) -> str:
    """Returns safe HTML for Markdown (CommonMark with tables and strike-through). Raw HTML in it is shown as text.

    Links open nothing but http, https and mailto, and carry rel="nofollow noopener"; a first-level heading becomes a
    second-level one, since the page has its own.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    html = parser.render(text).replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener",
        # What is wider than the page scrolls by itself; the keyboard must reach it.
        set_tag_attribute_values={"pre": {"tabindex": "0"}, "table": {"tabindex": "0"}},
    )


async def render_markdown_async(text: str) -> str:
    """Same as `render_markdown`; long texts are rendered in a thread, so that they do not hold up other requests."""
    if len(text) < _THREAD_ABOVE:
        return render_markdown(text)
    return await asyncio.to_thread(render_markdown, text)
