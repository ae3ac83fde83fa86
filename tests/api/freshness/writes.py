"""Every write of the API, as somebody who may do it does it."""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.reports import DeliveryReport, ReportKind
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies import tus
from tests.academies.buckets import send_form
from tests.academies.captions import ENGLISH
from tests.academies.courses import published, unique
from tests.academies.in_process import PASSWORD
from tests.academies.media import PDF, make_picture
from tests.api.freshness.stage import Stage

Write = Callable[[Stage], Awaitable[httpx.Response]]

Enter = Callable[[Write], Write]

WRITES: dict[str, Write] = {}
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_KEY = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()


def entering(writes: dict[str, Write]) -> Callable[[str], Enter]:
    """Returns what enters a write: `METHOD /path`, and after a `#` what it does there, where one route does several."""

    def at(route: str) -> Enter:
        def enter(function: Write) -> Write:
            writes[route] = function
            return function

        return enter

    return at


write = entering(WRITES)


async def registered_address(stage: Stage) -> str:
    """Registers somebody, who is still to prove the address, and returns it."""
    email = f"{new_id()}@example.com"
    answer = await stage.writer.api().post(
        "auth/register", json={"email": email, "name": "Asha Rao", "password": PASSWORD}
    )
    assert answer.status_code == 202, answer.text
    return email


async def _tokens(stage: Stage) -> Mapping[str, str]:
    body = {"email": stage.teacher_person.email, "password": PASSWORD}
    tokens: Mapping[str, str] = (await stage.writer.api().post("auth/login", json=body)).json()
    return tokens


@write("POST /auth/register")
async def register(stage: Stage) -> httpx.Response:
    body = {"email": f"{new_id()}@example.com", "name": "Asha Rao", "password": PASSWORD}
    return await stage.writer.api().post("auth/register", json=body)


@write("POST /auth/verify")
async def verify(stage: Stage) -> httpx.Response:
    email = await registered_address(stage)
    return await stage.writer.api().post(
        "auth/verify", json={"email": email, "code": await stage.writer.last_code(email)}
    )


@write("POST /auth/resend")
async def resend(stage: Stage) -> httpx.Response:
    return await stage.writer.api().post("auth/resend", json={"email": await registered_address(stage)})


@write("POST /auth/login")
async def login(stage: Stage) -> httpx.Response:
    body = {"email": stage.teacher_person.email, "password": PASSWORD}
    return await stage.writer.api().post("auth/login", json=body)


@write("POST /auth/refresh")
async def refresh(stage: Stage) -> httpx.Response:
    body = {"refresh_token": (await _tokens(stage))["refresh_token"]}
    return await stage.writer.api().post("auth/refresh", json=body)


@write("POST /auth/logout")
async def logout(stage: Stage) -> httpx.Response:
    body = {"refresh_token": (await _tokens(stage))["refresh_token"]}
    return await stage.writer.api().post("auth/logout", json=body)


@write("POST /auth/forgot-password")
async def forgot_password(stage: Stage) -> httpx.Response:
    return await stage.writer.api().post("auth/forgot-password", json={"email": stage.teacher_person.email})


@write("POST /auth/reset-password")
async def reset_password(stage: Stage) -> httpx.Response:
    email = stage.teacher_person.email
    await stage.writer.api().post("auth/forgot-password", json={"email": email})
    body = {"email": email, "code": await stage.writer.last_code(email), "password": f"{PASSWORD} and more"}
    return await stage.writer.api().post("auth/reset-password", json=body)


@write("PATCH /me#name")
async def rename_me(stage: Stage) -> httpx.Response:
    return await stage.teacher.patch("me", json={"name": "Another Name"})


@write("PATCH /me#headline")
async def my_headline(stage: Stage) -> httpx.Response:
    return await stage.teacher.patch("me", json={"profile": {"headline": "Baker since yesterday"}})


@write("PATCH /me#preferences")
async def my_preferences(stage: Stage) -> httpx.Response:
    return await stage.teacher.patch("me", json={"preferences": {"theme": "dark"}})


@write("DELETE /me#reviewer")
async def delete_reviewer(stage: Stage) -> httpx.Response:
    await stage.learner.put(f"{stage.own}/reviews", json={"stars": 5, "text": "As good as it gets."})
    await stage.warm()
    return await stage.learner.request("DELETE", "me", json={"password": PASSWORD})


@write("DELETE /me#teacher")
async def delete_teacher(stage: Stage) -> httpx.Response:
    return await stage.teacher.request("DELETE", "me", json={"password": PASSWORD})


@write("DELETE /me/sessions/{session_id}")
async def end_session(stage: Stage) -> httpx.Response:
    (session, *_) = (await stage.teacher.get("me/sessions")).json()["items"]
    return await stage.teacher.delete(f"me/sessions/{session['id']}")


@write("POST /categories")
async def add_category(stage: Stage) -> httpx.Response:
    return await stage.admin.post("categories", json={"name": unique("Subject")})


@write("POST /courses")
async def create_course(stage: Stage) -> httpx.Response:
    price = {"amount": 0, "currency": "INR"}
    return await stage.teacher.post("courses", json={"title": unique("Bread"), "price": price})


@write("PATCH /courses/{slug}#title")
async def retitle(stage: Stage) -> httpx.Response:
    return await stage.teacher.patch(stage.own, json={"title": unique("Rolls")})


@write("PATCH /courses/{slug}#category")
async def change_category(stage: Stage) -> httpx.Response:
    slug = f"subject-{new_id()}"
    await stage.writer.academy.courses.add_category(slug, slug, 0)
    await stage.warm()
    return await stage.teacher.patch(stage.own, json={"category": slug})


@write("PATCH /courses/{slug}#price")
async def change_price(stage: Stage) -> httpx.Response:
    return await stage.teacher.patch(stage.own, json={"price": {"amount": 9900, "currency": "INR"}})


@write("PATCH /courses/{slug}#language")
async def change_language(stage: Stage) -> httpx.Response:
    return await stage.teacher.patch(stage.own, json={"language": "ta"})


@write("PATCH /courses/{slug}#outcomes")
async def change_outcomes(stage: Stage) -> httpx.Response:
    return await stage.teacher.patch(stage.own, json={"outcomes": ["Knead well"]})


@write("DELETE /courses/{slug}")
async def delete_course(stage: Stage) -> httpx.Response:
    lonely = await published(stage.writer, stage.teacher_person, category_slug=stage.course.category)
    await stage.warm()
    return await stage.teacher.delete(f"courses/{lonely.slug}")


@write("POST /courses/{slug}/publish")
async def publish(stage: Stage) -> httpx.Response:
    await stage.teacher.post(f"{stage.own}/unpublish")
    await stage.warm()
    return await stage.teacher.post(f"{stage.own}/publish")


@write("POST /courses/{slug}/unpublish")
async def unpublish(stage: Stage) -> httpx.Response:
    return await stage.teacher.post(f"{stage.own}/unpublish")


@write("PUT /courses/{slug}/curriculum")
async def change_curriculum(stage: Stage) -> httpx.Response:
    lesson = {"title": "Sourdough", "kind": "text", "text": "word " * 3_000, "free_preview": True}
    return await stage.teacher.put(
        f"{stage.own}/curriculum", json={"sections": [{"title": "Anew", "lessons": [lesson]}]}
    )


@write("PUT /courses/{slug}/reviews")
async def review(stage: Stage) -> httpx.Response:
    return await stage.learner.put(f"{stage.own}/reviews", json={"stars": 5, "text": "Better than bought bread."})


@write("POST /courses/{slug}/enrolments")
async def enrol(stage: Stage) -> httpx.Response:
    return await (await stage.writer.signed_in_api()).post(f"{stage.own}/enrolments")


@write("PUT /courses/{slug}/progress/{lesson_id}")
async def progress(stage: Stage) -> httpx.Response:
    (lesson, *_) = stage.course.lessons()
    return await stage.learner.put(f"{stage.own}/progress/{lesson.id}", json={"position_seconds": 0, "completed": True})


@write("POST /files#cover")
async def cover(stage: Stage) -> httpx.Response:
    picture = {"file": ("a.jpg", make_picture(), "image/jpeg")}
    return await stage.teacher.post("files", data={"course": stage.course.slug}, files=picture)


@write("POST /files#document")
async def document(stage: Stage) -> httpx.Response:
    return await stage.teacher.post("files", files={"file": ("Plan.pdf", PDF, "application/pdf")})


async def _attach(stage: Stage) -> tuple[str, httpx.Response]:
    """Puts a file beside the first lesson; returns the lesson's id and the answer."""
    (lesson, *_) = stage.course.lessons()
    data = {"course": stage.course.slug, "lesson_id": lesson.id, "attachment": "true"}
    return lesson.id, await stage.teacher.post("files", data=data, files={"file": ("Plan.pdf", PDF, "application/pdf")})


@write("POST /files#attachment")
async def attachment(stage: Stage) -> httpx.Response:
    _, answer = await _attach(stage)
    return answer


@write("DELETE /courses/{slug}/lessons/{lesson_id}/attachments/{file_id}")
async def remove_attachment(stage: Stage) -> httpx.Response:
    lesson_id, answer = await _attach(stage)
    await stage.warm()
    return await stage.teacher.delete(f"{stage.own}/lessons/{lesson_id}/attachments/{answer.json()['id']}")


@write("POST /uploads")
async def begin_upload(stage: Stage) -> httpx.Response:
    """A whole cover at once, which a job puts on the course."""
    picture = make_picture()
    headers = {**tus.creation("a.jpg", len(picture), course=stage.course.slug), **tus.BYTES}
    return await stage.teacher.post("uploads", headers=headers, content=picture)


@write("PATCH /uploads/{upload_id}")
async def append_to_upload(stage: Stage) -> httpx.Response:
    picture = make_picture()
    address = await tus.begin(stage.teacher, "a.jpg", len(picture), course=stage.course.slug)
    await stage.warm()
    return await tus.send(stage.teacher, address, 0, picture)


@write("DELETE /uploads/{upload_id}")
async def terminate_upload(stage: Stage) -> httpx.Response:
    address = await tus.upload(stage.teacher, "a.jpg", make_picture(), course=stage.course.slug)
    await stage.writer.work()
    await stage.warm()
    return await stage.teacher.delete(address, headers=tus.VERSION)


async def _begin_directly(stage: Stage, picture: bytes) -> httpx.Response:
    body = {"file_name": "a.jpg", "size": len(picture), "course": stage.course.slug}
    return await stage.teacher.post("uploads/direct", json=body)


@write("POST /uploads/direct")
async def begin_direct_upload(stage: Stage) -> httpx.Response:
    return await _begin_directly(stage, make_picture())


@write("POST /uploads/{upload_id}/completion")
async def complete_direct_upload(stage: Stage) -> httpx.Response:
    """A cover that lies in the bucket, which a job puts on the course."""
    picture = make_picture()
    begun = (await _begin_directly(stage, picture)).json()
    assert (await send_form(begun["url"], begun["fields"], picture)).is_success
    await stage.warm()
    return await stage.teacher.post(f"uploads/{begun['id']}/completion")


async def film_lesson(stage: Stage) -> httpx.Response:
    """Gives the course a lesson with a video, and has it checked."""
    lessons = [{"title": "Watch", "kind": "video"}, {"title": "Read", "kind": "text", "text": "Read."}]
    outline = {"sections": [{"title": "One", "lessons": lessons}]}
    changed = (await stage.teacher.put(f"{stage.own}/curriculum", json=outline)).json()
    lesson_id = changed["curriculum"][0]["lessons"][0]["id"]
    await stage.warm()
    data = {"course": stage.course.slug, "lesson_id": lesson_id}
    return await stage.teacher.post("videos", data=data, files={"file": ("a.mp4", stage.film, "video/mp4")})


@write("POST /videos")
async def upload_video(stage: Stage) -> httpx.Response:
    return await film_lesson(stage)


@write("DELETE /videos/{video_id}")
async def delete_video(stage: Stage) -> httpx.Response:
    video = (await film_lesson(stage)).json()
    await stage.writer.work()
    await stage.warm()
    return await stage.teacher.delete(f"videos/{video['id']}")


@write("POST /videos/{video_id}/captions")
async def add_captions(stage: Stage) -> httpx.Response:
    video = (await film_lesson(stage)).json()
    await stage.warm()
    captions = {"file": ("a.vtt", ENGLISH, "text/vtt")}
    return await stage.teacher.post(f"videos/{video['id']}/captions", data={"language": "en"}, files=captions)


@write("PUT /videos/{video_id}/captions/{language}")
async def put_captions(stage: Stage) -> httpx.Response:
    video = (await film_lesson(stage)).json()
    await stage.warm()
    return await stage.teacher.put(f"videos/{video['id']}/captions/en", content=ENGLISH)


@write("DELETE /videos/{video_id}/captions/{language}")
async def delete_captions(stage: Stage) -> httpx.Response:
    address = f"videos/{(await film_lesson(stage)).json()['id']}/captions/en"
    await stage.teacher.put(address, content=ENGLISH)
    await stage.warm()
    return await stage.teacher.delete(address)


@write("PATCH /admin/users/{user_id}#role")
async def demote(stage: Stage) -> httpx.Response:
    return await stage.admin.patch(f"admin/users/{stage.teacher_person.user_id}", json={"role": "learner"})


@write("PATCH /admin/users/{user_id}#suspended")
async def suspend(stage: Stage) -> httpx.Response:
    return await stage.admin.patch(f"admin/users/{stage.teacher_person.user_id}", json={"suspended": True})


async def dead_job(stage: Stage) -> str:
    """Makes a job that failed for good, and returns its id."""
    now = stage.writer.clock.now()
    dead = Job(
        kind="of_an_older_release",
        payload="{}",
        due_at=None,
        status=JobStatus.DEAD,
        max_attempts=1,
        created_at=now,
        updated_at=now,
    )
    await stage.writer.academy.database.collection(Job).insert(dead)
    return dead.id


@write("POST /admin/jobs/{job_id}/retry")
async def retry_job(stage: Stage) -> httpx.Response:
    return await stage.admin.post(f"admin/jobs/{await dead_job(stage)}/retry")


async def welcome(stage: Stage) -> str:
    """Sends a mail, and returns its id."""
    person = await stage.writer.person(Role.LEARNER)
    user = await stage.writer.academy.accounts.user(person.user_id)
    await stage.writer.academy.email.send_welcome(user.as_recipient())
    await stage.writer.work()
    (mail, *_) = (await stage.writer.academy.email.log.page(MailFilter(to=person.email))).items
    return mail.id


@write("POST /admin/mail/{mail_id}/resend")
async def resend_mail(stage: Stage) -> httpx.Response:
    return await stage.admin.post(f"admin/mail/{await welcome(stage)}/resend")


async def suppression(stage: Stage) -> str:
    """Has an address complain about a mail, and returns the id of what keeps further mail from it."""
    report = DeliveryReport(
        provider="ses",
        kind=ReportKind.COMPLAINED,
        address=f"{new_id()}@example.com",
        mail_id="",
        detail="abuse",
        reported_at=stage.writer.clock.now(),
    )
    await stage.writer.academy.email.suppressions.record(report)
    listed = (await stage.admin.get("admin/suppressions")).json()["items"]
    (found,) = [one["id"] for one in listed if one["address"] == report.address]
    return str(found)


@write("DELETE /admin/suppressions/{suppression_id}")
async def lift_suppression(stage: Stage) -> httpx.Response:
    return await stage.admin.delete(f"admin/suppressions/{await suppression(stage)}")


@write("POST /webhooks/sendgrid")
async def bounce(stage: Stage) -> httpx.Response:
    event = {"event": "bounce", "type": "bounce", "email": stage.teacher_person.email, "timestamp": 1_790_000_000}
    body, stamp = json.dumps([event]).encode(), "1790000000"
    signature = base64.b64encode(KEY.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": signature,
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        "Content-Type": "application/json",
    }
    return await stage.writer.api().post("webhooks/sendgrid", content=body, headers=headers)
