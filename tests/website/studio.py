"""An instructor in the studio of an academy of their own."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.async_api import Locator, Page

from tests.academies.in_process import PASSWORD
from tests.servers.academy import ServedAcademy, served_academy

LIMIT = 5 << 20
EMAIL = "teacher@example.com"
OUTLINE = {"Getting started": ["Why", "Install", "First steps"], "With others": ["Branches"]}


@contextmanager
def served_studio(home: Path, *, video_limit: int = LIMIT, **variables: str) -> Iterator[ServedAcademy]:
    """Gives an academy with an instructor, EMAIL, in which videos have at most `video_limit` bytes."""
    with served_academy(home, variables={"MAX_VIDEO_BYTES": str(video_limit), **variables}) as academy:
        made = academy.command(
            *("users", "create", "--email", EMAIL, "--name", "Asha Rao", "--role", "instructor", "--password-stdin"),
            given=PASSWORD,
        )
        assert made.returncode == 0, made.stderr
        yield academy


@contextmanager
def signed_in_api(served: ServedAcademy) -> Iterator[httpx.Client]:
    """Gives a client of the API that acts as the instructor."""
    with httpx.Client(base_url=f"{served.url}/api/v1") as api:
        answer = api.post("auth/login", json={"email": EMAIL, "password": PASSWORD})
        api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield api


async def sign_in(page: Page) -> None:
    """Signs the instructor in and leads to the studio."""
    await page.goto("/login?next=/studio")
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.locator("main").get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/studio")


async def open_course(page: Page, served: ServedAcademy, title: str) -> None:
    """Makes a course with the sections and lessons of OUTLINE over the API, and opens its editor."""
    with signed_in_api(served) as api:
        free = {"amount": 0, "currency": "INR"}
        course = api.post("courses", json={"title": title, "price": free}).json()
        sections = [
            {
                "title": section,
                "lessons": [{"title": one, "kind": "video" if one == "Why" else "text"} for one in lessons],
            }
            for section, lessons in OUTLINE.items()
        ]
        answer = api.put(f"courses/{course['slug']}/curriculum", json={"sections": sections})
        assert answer.status_code == 200, answer.text
    await page.goto(f"/studio/courses/{course['slug']}")


async def drop(zone: Locator, name: str, kind: str, content: bytes, *, filled_up: int = 0) -> None:
    """Drops a file on a zone, as if it was dragged there from the desktop; `filled_up` zeros follow its content."""
    await zone.evaluate(
        """(zone, [name, type, content, zeros]) => {
          const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes, new Uint8Array(zeros)], name, { type }));
          for (const event of ["dragenter", "dragover", "drop"]) {
            zone.dispatchEvent(new DragEvent(event, { bubbles: true, cancelable: true, dataTransfer }));
          }
        }""",
        [name, kind, base64.b64encode(content).decode(), filled_up],
    )
