from academy.web.headers import ContentPolicy

CDN = "https://cdn.example.com/academy/"


def directives(policy: str) -> dict[str, str]:
    return dict(part.split(" ", 1) for part in policy.split("; "))


def test_pages_show_pictures_and_videos_from_where_they_are_stored() -> None:
    policy = directives(str(ContentPolicy("https://logo.example.com/mark.svg", [CDN])))
    assert policy["img-src"] == f"'self' data: https://logo.example.com {CDN}"
    assert policy["media-src"] == f"'self' blob: {CDN}"
    assert policy["script-src"] == policy["form-action"] == "'self'"


def test_a_page_that_needs_more_keeps_what_all_have() -> None:
    policy = ContentPolicy("", [CDN])
    allowed = directives(policy.allowing(form_action=["https://pay.example.com"], img_src=["https://pay.example.com"]))
    assert allowed["form-action"] == "'self' https://pay.example.com"
    assert allowed["img-src"] == f"'self' data: {CDN} https://pay.example.com"
    assert {name for name, value in allowed.items() if value != directives(str(policy))[name]} == {
        "form-action",
        "img-src",
    }
    assert policy.allowing(form_action=[]) == str(policy)
