"""Chooses implementations and wires the services together: settings in, an `Academy` out."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from academy.features.accounts.jobs import register_jobs as register_account_jobs
from academy.features.accounts.model import AuditEntry, OneTimeCode, RefreshToken, Session, User
from academy.features.accounts.service import AccountService
from academy.features.admin.service import AdminService
from academy.features.courses.model import Category, Course, LessonText, Review
from academy.features.courses.reviews import ReviewService
from academy.features.courses.service import CourseService, may_edit
from academy.features.enrolment.model import Enrolment
from academy.features.enrolment.service import EnrolmentService
from academy.features.learning.model import CourseProgress
from academy.features.learning.service import LearningService
from academy.features.videos.jobs import register_jobs as register_video_jobs
from academy.features.videos.model import StoredFile, Video
from academy.features.videos.service import VideoService
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.factory import open_database
from academy.infrastructure.email.service import EmailService
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.jobs.queue import DatabaseJobQueue
from academy.infrastructure.jobs.worker import Worker
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.security.tokens import TokenSigner
from academy.infrastructure.storage.base import Storage
from academy.infrastructure.storage.signing import UrlSigner
from academy.kit.clock import Clock, SystemClock
from academy.settings import Settings, secret_key
from academy.web.response_cache import ResponseCache
