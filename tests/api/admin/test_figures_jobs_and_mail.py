"""The overview, the jobs and the mail log, over the API on both engines."""

import asyncio

import msgspec

from academy.features.accounts.code_mail import SEND_CODE
from academy.infrastructure.email.reports import DeliveryReport, ReportKind
from academy.infrastructure.jobs.base import JobKind
from academy.infrastructure.security.principal import Role
from tests.academies.in_process import TestAcademy
from tests.academies.payments import bought, paid_course
from tests.api.accounts.courses import published_course
from tests.api.accounts.steps import problem, register

NO_PAYMENTS = {"revenue": [], "open_disputes": 0, "waiting_events": 0, "refused_events": 0}


class Nonsense(msgspec.Struct):
    """A payload that no handler understands."""

    what: str = "?"


async def dead_job(academy: TestAcademy) -> str:
    """Lets a job fail for good; returns its id."""
    kind = JobKind(SEND_CODE.name, Nonsense, max_attempts=1)
    job_id = await academy.academy.jobs.enqueue(kind, Nonsense())
    await academy.work()
    return job_id


async def test_the_overview_counts(academy: TestAcademy) -> None:
    teacher = await academy.person(Role.INSTRUCTOR)
    course = await published_course(academy, teacher)
    await academy.academy.enrolments.enrol(await academy.person(), course.slug)
    await academy.work()
    await dead_job(academy)
    api = await academy.signed_in_api(Role.ADMIN)
    figures = (await api.get("admin/overview")).json()
    jobs = figures.pop("jobs")
    assert figures == {"users": 3, "courses": 1, "published_courses": 1, "enrolments": 1, "payments": NO_PAYMENTS}
    assert jobs["dead"] == 1


async def test_the_overview_tells_the_revenue_of_thirty_days(academy: TestAcademy) -> None:
    course = await paid_course(academy)
    await bought(academy, await academy.person(), course)
    academy.clock.move(days=31)
    api = await academy.signed_in_api(Role.ADMIN)
    figures = (await api.get("admin/overview")).json()["payments"]
    assert figures == NO_PAYMENTS
    admin = await academy.person(Role.ADMIN)
    for _ in range(2):
        sold = await bought(academy, await academy.person(), course)
    await academy.academy.refunds.request(admin, sold.id, amount=100, reason="A little")
    await academy.work()
    (revenue,) = (await api.get("admin/overview")).json()["payments"]["revenue"]
    assert revenue == {
        "paid": {"amount": 299_800, "currency": "INR"},
        "refunded": {"amount": 100, "currency": "INR"},
        "count": 2,
    }


async def test_who_asks_for_the_health_meanwhile_shares_the_report(embedded_academy: TestAcademy) -> None:
    api = await embedded_academy.signed_in_api(Role.ADMIN)
    reports = await asyncio.gather(*(api.get("admin/health") for _ in range(5)))
    assert len({report.text for report in reports}) == 1, "each check took the same time to the hundredth of a ms"


async def test_health_names_each_part(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    api = await academy.signed_in_api(Role.ADMIN)
    report = (await api.get("admin/health")).json()
    assert report["status"] == "healthy"
    assert {name: check["status"] for name, check in report["checks"].items()} == {
        "database": "healthy",
        "storage": "healthy",
        "payments": "healthy",
        "email": "healthy",
        "cache": "healthy",
        "sessions": "healthy",
        "rate_limits": "healthy",
        "jobs": "healthy",
    }
    assert all(check["duration_ms"] >= 0 for check in report["checks"].values())
    await dead_job(academy)
    assert (await api.get("admin/health")).json() == report, "for a few seconds the report is kept"
    academy.clock.move(seconds=5)
    report = (await api.get("admin/health")).json()
    assert (report["status"], report["checks"]["jobs"]["status"]) == ("degraded", "degraded")
    assert (
        "1 jobs are dead" in report["checks"]["jobs"]["detail"]
        or "1 job is dead" in (report["checks"]["jobs"]["detail"])
    )


async def test_dead_jobs_are_found_and_tried_again(academy: TestAcademy) -> None:
    api = await academy.signed_in_api(Role.ADMIN)
    job_id = await dead_job(academy)
    dead = (await api.get("admin/jobs", params={"status": "dead"})).json()["items"]
    assert [(job["id"], job["kind"], job["attempts"]) for job in dead] == [(job_id, "send_code", 1)]
    assert dead[0]["last_error"]
    assert dead[0]["finished_at"] is not None
    retried = await api.post(f"admin/jobs/{job_id}/retry")
    assert (retried.status_code, retried.json()["status"], retried.json()["attempts"]) == (200, "queued", 0)
    assert problem(await api.post(f"admin/jobs/{job_id}/retry")) == (409, "conflict")
    assert problem(await api.post("admin/jobs/unknown/retry")) == (404, "not_found")
    await academy.work()
    dead = (await api.get("admin/jobs", params={"status": "dead"})).json()["items"]
    assert [job["id"] for job in dead] == [job_id]
    assert (await api.get("admin/jobs", params={"status": "asleep"})).status_code == 422


async def test_a_mail_is_read_and_sent_again(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    api = await academy.signed_in_api(Role.ADMIN)
    learner = await academy.person()
    user = await academy.academy.accounts.user(learner.user_id)
    await academy.academy.email.send_welcome(user.as_recipient())
    await academy.work()
    (row,) = (await api.get("admin/mail", params={"kind": "welcome", "to": learner.email.upper()})).json()["items"]
    assert (row["kind"], row["provider"], row["batch_id"]) == ("welcome", "inbox", None)
    mail = (await api.get(f"admin/mail/{row['id']}")).json()
    assert mail["mail"] == row
    assert "Your account is ready" in mail["text"]
    assert mail["html"].lstrip().startswith("<!doctype html>")
    assert (await api.post(f"admin/mail/{row['id']}/resend")).status_code == 204
    assert problem(await api.post(f"admin/mail/{row['id']}/resend")) == (409, "conflict")
    await academy.work()
    assert len([message for message in await academy.messages() if message.to == learner.email]) == 2
    assert problem(await api.get("admin/mail/unknown")) == (404, "not_found")


async def test_suppressed_addresses_are_listed_and_lifted(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    api = await academy.signed_in_api(Role.ADMIN)
    report = DeliveryReport(
        provider="ses",
        kind=ReportKind.BOUNCED,
        address="gone@example.com",
        mail_id="",
        detail="550 unknown user",
        reported_at=academy.clock.now(),
    )
    await academy.academy.email.suppressions.record(report)
    (row,) = (await api.get("admin/suppressions")).json()["items"]
    assert (row["address"], row["reason"], row["provider"]) == ("gone@example.com", "bounced", "ses")
    assert (await api.delete(f"admin/suppressions/{row['id']}")).status_code == 204
    assert problem(await api.delete(f"admin/suppressions/{row['id']}")) == (404, "not_found")
    assert (await api.get("admin/suppressions")).json()["items"] == []


async def test_the_mail_log_tells_everything_but_codes(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    api = await academy.signed_in_api(Role.ADMIN)
    await register(academy, "asha@example.com")
    sent_code = await academy.last_code("asha@example.com")
    await register(academy, "zoe@example.com")
    await academy.academy.worker.drain()
    page = await api.get("admin/mail", params={"limit": 1})
    rest = await api.get("admin/mail", params={"limit": 1, "cursor": page.json()["next_cursor"]})
    rows = page.json()["items"] + rest.json()["items"]
    assert rest.json()["next_cursor"] is None
    assert [(row["to"], row["subject"], row["state"], row["attempts"]) for row in rows] == [
        ("zoe@example.com", "Your code for Rtech Academy", "sent", 1),
        ("asha@example.com", "Your code for Rtech Academy", "sent", 1),
    ]
    assert sent_code not in page.text + rest.text
    assert (await api.get("admin/mail", params={"state": "failed"})).json()["items"] == []
    assert len((await api.get("admin/mail", params={"state": "sent"})).json()["items"]) == 2
    assert (await api.get("admin/mail", params={"state": "lost"})).status_code == 422
