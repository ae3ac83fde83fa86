"""Chooses implementations and wires the services together: settings in, an `Academy` out."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from academy.features.accounts.administration import AccountAdministration
from academy.features.accounts.jobs import register_jobs as register_account_jobs
from academy.features.accounts.model import AuditEntry, CodeTries, OneTimeCode, RefreshToken, User
from academy.features.accounts.service import AccountService
from academy.features.admin.service import AdminService
from academy.features.courses.jobs import fetch_youtube_lessons
from academy.features.courses.jobs import register_jobs as register_course_jobs
from academy.features.courses.model import Category, Course, CourseStatus, LessonText, Review
from academy.features.courses.reviews import ReviewService
from academy.features.courses.service import CourseService, may_edit
from academy.features.enrolment.model import Enrolment
from academy.features.enrolment.service import EnrolmentService
from academy.features.learning.model import CourseProgress
from academy.features.learning.service import LearningService
from academy.features.learning.video_search import VideoSearch
from academy.features.notifications.jobs import register_jobs as register_notification_jobs
from academy.features.notifications.service import NotificationService
from academy.features.notifications.unsubscribe import UnsubscribeTokens
from academy.features.payments.access import AccessDoor
from academy.features.payments.checkout import CheckoutService
from academy.features.payments.coupons import Coupons
from academy.features.payments.inbox import WebhookInbox
from academy.features.payments.invoice import Invoice
from academy.features.payments.invoice_pdf import InvoicePrinter
from academy.features.payments.invoicing import Invoicing
from academy.features.payments.jobs import register_jobs as register_payment_jobs
from academy.features.payments.model import (
    Transaction,
    WebhookEvent,
)
from academy.features.payments.pricing_model import Counter, Coupon, TaxRule
from academy.features.payments.reconciliation import Reconciliation
from academy.features.payments.refunds import Refunds
from academy.features.payments.service import PaymentService
from academy.features.payments.settlement import Settlement
from academy.features.payments.taxes import TaxTable
from academy.features.videos.captions import CaptionService
from academy.features.videos.captions_model import CaptionCues, CaptionLine, CaptionTrack
from academy.features.videos.direct import DirectUploadService
from academy.features.videos.jobs import register_jobs as register_video_jobs
from academy.features.videos.model import AccountStreams, StoredFile, Upload, Video, VideoView
from academy.features.videos.placing import Placing
from academy.features.videos.resumable import UploadService
from academy.features.videos.service import VideoService
from academy.features.videos.streams import register_stream_jobs
from academy.features.videos.views import ViewService, register_view_jobs
from academy.infrastructure.cache.factory import make_cache
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.factory import make_database
from academy.infrastructure.email.delivery_reports import DeliveryReports
from academy.infrastructure.email.factory import make_chain
from academy.infrastructure.email.inbox import InboxProvider
from academy.infrastructure.email.jobs import register_jobs as register_email_jobs
from academy.infrastructure.email.model import InboxMail, Mail, MailBatch, Suppression
from academy.infrastructure.email.rendering import Branding, MailRenderer
from academy.infrastructure.email.service import EmailService
from academy.infrastructure.gateways.factory import make_gateways
from academy.infrastructure.gateways.model import RehearsalPayment
from academy.infrastructure.gateways.rehearsal import SEND_REHEARSAL_WEBHOOK, RehearsalGateway
from academy.infrastructure.jobs.jobs import register_jobs as register_job_jobs
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.jobs.queue import DatabaseJobQueue
from academy.infrastructure.jobs.worker import Worker
from academy.infrastructure.rate_limits.factory import make_limiter
from academy.infrastructure.security.passwords import PasswordHasher
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.security.tokens import AccessTokens
from academy.infrastructure.sessions.factory import make_session_store
from academy.infrastructure.sessions.model import Session
from academy.infrastructure.storage.factory import make_storage
from academy.infrastructure.storage.signing import UrlSigner
from academy.infrastructure.youtube.client import YouTube
from academy.kit.clock import Clock, SystemClock
from academy.settings import Settings, secret_key
from academy.web.response_cache import ResponseCache
from academy.web.settings import WebSettings

DOCUMENTS: tuple[type[Document], ...] = (
    User,
    Session,
    RefreshToken,
    OneTimeCode,
    CodeTries,
    AuditEntry,
    Course,
    LessonText,
    Category,
    Review,
    Video,
    VideoView,
    AccountStreams,
    StoredFile,
    CaptionTrack,
    CaptionCues,
    CaptionLine,
    Upload,
    Enrolment,
    CourseProgress,
    Job,
    Mail,
    MailBatch,
    Suppression,
    InboxMail,
    Transaction,
    WebhookEvent,
    Coupon,
    TaxRule,
    Invoice,
    Counter,
    RehearsalPayment,
)


class Academy:
    """The whole academy without its web server: every service, wired. Used by the app, the worker and the commands."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.secret = secret_key(settings)
        production = settings.web.is_production
        self.database = make_database(settings.database, settings.sqlite_path, production=production)
        self.storage = make_storage(settings.storage, settings.s3, settings.gcs, settings.home.path)
        self.signer = UrlSigner(self.secret, clock)
        self.cache = make_cache(settings.cache, settings.redis, clock)
        self.response_cache = ResponseCache(clock, settings.web.cache_seconds)
        self.cache.listen(self.response_cache.forget)
        self.session_store = make_session_store(settings.sessions, settings.redis, self.database, clock)
        self.limiter = make_limiter(settings.rate_limits, settings.cache, settings.redis, clock)
        self.jobs = DatabaseJobQueue(self.database, clock)
        self.worker = Worker(self.jobs, clock, settings.jobs)
        uses_inbox = "inbox" in settings.email.chain and not production
        self.inbox = InboxProvider(self.database, clock) if uses_inbox else None
        self.branding = _branding(settings.web)
        self.email = self._email()
        self.rehearsal = None if production else self._rehearsal()
        self.gateways = make_gateways(settings.gateways, settings.stripe, settings.razorpay, self.rehearsal, clock)
        # What a lower feature asks a higher one is handed in as a function.
        self._wire_courses()
        self._wire_videos()
        self._wire_payments()
        self._wire_accounts()
        self._wire_admin()
        self._register_jobs()

    def _rehearsal(self) -> RehearsalGateway:
        return RehearsalGateway(
            self.database, self.clock, self.jobs, self.secret, public_url=self.settings.web.public_url
        )

    def _email(self) -> EmailService:
        web, settings = self.settings.web, self.settings
        return EmailService(
            self.database,
            self.jobs,
            make_chain(settings.email, settings.smtp, settings.sendgrid, settings.ses, self.inbox, self.clock),
            MailRenderer(self.branding),
            self.clock,
            settings.email,
            self._unwanted_mails,
            academy_name=web.academy_name,
            academy_url=web.public_url,
        )

    def _wire_courses(self) -> None:
        self.youtube = YouTube(self.settings.youtube)
        self.courses = CourseService(
            self.database,
            self.clock,
            self.cache,
            on_deleted=[self._course_deleted],
            on_outline_changed=[self._outline_changed] if self.settings.youtube.api_key else [],
        )
        self.enrolments = EnrolmentService(self.database, self.clock, self.courses, self.jobs)
        self.learning = LearningService(self.database, self.clock, self.courses, self.enrolments, self.jobs)
        self.reviews = ReviewService(self.database, self.clock, self.enrolments.is_enrolled, self.cache, self.jobs)

    def _wire_videos(self) -> None:
        self.videos = VideoService(
            self.database,
            self.clock,
            self.jobs,
            self.storage,
            self.signer,
            self.settings.storage,
            may_watch=self._may_watch,
            on_ready=self._video_ready,
        )
        self.captions = CaptionService(self.database, self.clock, self.signer, self.settings.storage.media_url_seconds)
        self.video_search = VideoSearch(self.captions, self.courses, self.enrolments)
        self.placing = Placing(self.courses, self.videos)
        self.uploads = UploadService(
            self.database, self.clock, self.jobs, self.storage, self.videos.files, self.settings.storage
        )
        self.direct_uploads = DirectUploadService(self.storage, self.uploads)
        self.views = ViewService(self.database, self.clock, self.secret)

    def _wire_accounts(self) -> None:
        security, web = self.settings.security, self.settings.web
        passwords = PasswordHasher(security.bcrypt_rounds, security.password_min_length)
        lifetime = timedelta(minutes=security.access_token_minutes)
        self.accounts = AccountService(
            self.database,
            self.jobs,
            self.email,
            self.clock,
            security,
            passwords,
            self.limiter,
            AccessTokens(self.secret, web.public_url, lifetime, self.clock),
            self.session_store,
            self.secret,
            self.cache,
            discard_image=self.videos.files.delete,
            export_parts=[
                self.learning.export,
                self.reviews.export,
                self.videos.export,
                self.captions.export,
                self.payments.export,
            ],
            on_deleted=[
                self.reviews.forget_author,
                self.learning.forget_user,
                self.enrolments.forget_user,
                self.videos.forget_owner,
                self.videos.streams.forget_user,
                self.uploads.forget_owner,
                self.payments.forget_user,
            ],
        )
        self.administration = AccountAdministration(self.database, self.clock, passwords, self.session_store)

    def _wire_admin(self) -> None:
        self.notifications = NotificationService(
            self.accounts,
            self.administration,
            self.courses,
            self.email,
            UnsubscribeTokens(self.secret),
            public_url=self.settings.web.public_url,
        )
        self.delivery_reports = DeliveryReports(
            self.jobs, self.email.suppressions, self.settings.sendgrid, self.settings.ses, self.clock
        )
        self.admin = AdminService(
            self.database,
            self.clock,
            self.administration,
            self.courses,
            self.enrolments,
            self.payments,
            self.email,
            self.jobs,
            self.storage,
            self.cache,
            self.session_store,
            self.limiter,
        )

    def _wire_payments(self) -> None:
        web, settings = self.settings.web, self.settings.payments
        door = AccessDoor(
            grant=self.enrolments.grant_paid,
            revoke=self.enrolments.revoke_paid,
            is_held=self.enrolments.is_enrolled,
            served=self.enrolments.served,
        )
        database, clock, jobs, gateways = self.database, self.clock, self.jobs, self.gateways
        self.coupons = Coupons(database, clock)
        self.taxes = TaxTable(database, clock, settings)
        invoicing = Invoicing(database, clock, settings, academy_name=web.academy_name)
        settlement = Settlement(database, clock, jobs, door, self.coupons, invoicing)
        self.reconciliation = Reconciliation(database, clock, gateways, settlement, door)
        self.refunds = Refunds(database, clock, gateways, settlement)
        self.webhook_inbox = WebhookInbox(database, clock, jobs, gateways, settlement)
        self.invoice_printer = InvoicePrinter(self.branding)
        self.payments = PaymentService(database, clock, gateways, invoicing)
        self.checkouts = CheckoutService(
            database,
            clock,
            self.courses,
            gateways,
            settlement,
            self.reconciliation,
            door,
            self.coupons,
            self.taxes,
            settings,
            offered=self.settings.gateways.offered,
            public_url=web.public_url,
        )

    def _register_jobs(self) -> None:
        register_job_jobs(self.jobs, self.clock, self.settings.jobs)
        register_email_jobs(self.jobs, self.email, self.delivery_reports, self.settings.email)
        register_notification_jobs(self.jobs, self.notifications)
        register_account_jobs(self.jobs, self.accounts, self.database, self.clock)
        register_course_jobs(self.jobs, self.courses, self.youtube, self.clock)
        register_video_jobs(
            self.jobs,
            self.videos,
            self.courses,
            self.database,
            self.storage,
            self.clock,
            self.uploads,
            self.placing,
            self.settings.scratch_path,
            self.settings.media,
        )
        register_view_jobs(self.jobs, self.views)
        register_payment_jobs(self.jobs, self.webhook_inbox, self.refunds, self.reconciliation, self.payments)
        if self.rehearsal is not None:
            self.jobs.register(SEND_REHEARSAL_WEBHOOK, self.rehearsal.send_webhook)
        register_stream_jobs(self.jobs, self.videos.streams)

    async def _may_watch(self, visitor: Principal | None, video: Video) -> bool:
        """The course's makers and learners may watch its videos, and everybody those of its free previews."""
        course = await self.courses.by_id(video.course_id) if video.course_id else None
        if course is None:
            return False
        if may_edit(course, visitor):
            return True
        lessons = [lesson for lesson in course.lessons() if lesson.video_id == video.id]
        if not lessons:
            return False
        if course.status is CourseStatus.PUBLISHED and any(lesson.free_preview for lesson in lessons):
            return True
        return visitor is not None and await self.enrolments.is_enrolled(visitor.user_id, course.id)

    async def _unwanted_mails(self, mails: Sequence[Mail]) -> Mapping[str, str]:
        return await self.notifications.unwanted(mails)

    async def _video_ready(self, video: Video) -> None:
        if video.course_id:
            # Less than half a second is no length: 0 would take the video away.
            seconds = max(1, round(video.duration_seconds)) if video.duration_seconds else 0
            await self.courses.set_video_duration(video.course_id, video.id, seconds)

    async def _course_deleted(self, course_id: str) -> None:
        await self.videos.forget_course(course_id)

    async def _outline_changed(self, before: Course, after: Course) -> None:
        await fetch_youtube_lessons(self.jobs, before, after)

    async def start(self, *, work: bool = True) -> None:
        """Connects the database, makes its indexes, opens the storage and, with `work`, begins to work jobs off.

        Raises DatabaseUnavailable, StorageUnavailable.
        """
        await self.database.connect()
        await self.database.create_indexes(DOCUMENTS)
        await self.storage.initialize()
        await self.cache.connect()
        await self.session_store.connect()
        await self.limiter.connect()
        if work:
            self.worker.start()

    async def stop(self) -> None:
        """Finishes what runs and disconnects."""
        await self.worker.stop()
        await self.email.close()
        await self.payments.close()
        await self.youtube.close()
        await self.delivery_reports.close()
        await self.limiter.close()
        await self.session_store.disconnect()
        await self.cache.disconnect()
        await self.database.disconnect()


def _branding(web: WebSettings) -> Branding:
    return Branding(
        name=web.academy_name,
        accent=web.accent_color,
        logo_url=web.logo_url,
        support_email=web.support_email,
        url=web.public_url,
    )


def build_academy(settings: Settings, clock: Clock | None = None) -> Academy:
    """Returns an academy made from the settings; not started yet."""
    return Academy(settings, clock or SystemClock())
