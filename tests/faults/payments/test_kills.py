"""`kill -9` between every two steps of a payment: in the end everything happened, once."""

import asyncio
import os
import sys

import msgspec
import pytest

from academy.features.payments.model import RefundStatus, TransactionStatus
from academy.infrastructure.security.principal import Role
from tests.academies.courses import stored as stored_course
from tests.academies.in_process import TestAcademy
from tests.academies.payments import paid_course
from tests.faults.payments.killed_buyers import Story
from tests.servers.academy import UNLIMITED

_MOST_STEPS = 40


@pytest.mark.timeout(300)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_kill_between_any_two_steps_loses_nothing_and_doubles_nothing(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    admin = await academy.person(Role.ADMIN)
    teacher = await academy.person(Role.INSTRUCTOR, name="Maya Rao")
    courses = [await paid_course(academy, teacher=teacher) for _ in range(_MOST_STEPS)]
    stories = [Story(buyer=await academy.person(), slug=course.slug, admin=admin) for course in courses]
    database = academy.academy.settings.database
    variables = {"ACADEMY_HOME": academy.academy.settings.home.academy_home, "BCRYPT_ROUNDS": "4", **UNLIMITED}
    if database.mongodb_uri:
        variables |= {"MONGODB_URI": database.mongodb_uri, "MONGODB_DATABASE": database.mongodb_database}
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.payments.killed_buyers",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **variables},
    )
    printed, _ = await program.communicate(msgspec.json.encode(stories))
    assert program.returncode == 0
    killed = int(printed.split()[-1])
    assert 15 < killed < _MOST_STEPS, "all of its steps were tried, and there were some"

    numbers: list[str] = []
    for story, course in zip(stories[:killed], courses, strict=False):
        [transaction] = (await academy.academy.payments.of_user(story.buyer.user_id)).items
        assert transaction.status is TransactionStatus.PARTIALLY_REFUNDED
        assert [(refund.status, refund.amount) for refund in transaction.refunds] == [(RefundStatus.DONE, 50_000)]
        assert await academy.academy.enrolments.is_enrolled(story.buyer.user_id, course.id)
        assert (await stored_course(academy, course)).enrolment_count == 1
        documents = await academy.academy.payments.documents(transaction)
        assert [document.number[:3] for document in documents] == ["RA-", "RAC"]
        numbers += [document.number for document in documents]
        receipts = [
            mail for mail in await academy.academy.email.log_of(story.buyer.user_id) if mail["kind"] == "receipt"
        ]
        assert len(receipts) == 1
    for series in ("RA-", "RAC"):
        counted = sorted(int(number[-6:]) for number in numbers if number.startswith(series))
        assert counted == list(range(counted[0], counted[0] + killed)), "numbers have no gaps"
