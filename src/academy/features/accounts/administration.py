"""Use cases of the accounts, as admins and the command line use them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from academy.features.accounts.audit import AuditLog
from academy.features.accounts.errors import EmailTaken, LastAdmin, NoAdmin
from academy.features.accounts.model import AuditAction, AuditEntry, User, UserList, UserStatus
from academy.features.accounts.repository import AccountRepository
from academy.features.accounts.session_ends import SessionEnds
from academy.features.accounts.validation import checked_email, checked_name
from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.security.passwords import PasswordHasher
from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.base import SessionStore
from academy.kit.clock import Clock
from academy.kit.errors import NotFoundError
from academy.kit.text import email_key

COMMAND_LINE = "command line"


class AccountAdministration:
    """Makes, finds, shuts and opens accounts.

    `actor_id` is the admin's user id, or `COMMAND_LINE`. Whether they are an admin is asked again in the transaction
    that acts: a request that is sent slowly may arrive when they are none any more.
    """

    def __init__(self, database: Database, clock: Clock, passwords: PasswordHasher, sessions: SessionStore) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._repository = AccountRepository(database)
        self._audit = AuditLog(self._repository, clock)
        self._session_ends = SessionEnds(database, self._repository, sessions)

    async def create(self, actor_id: str, email: str, name: str, role: Role, password: str | None) -> User:
        """Makes an active account; without a password it signs in by code. Raises EmailTaken, InvalidError, NoAdmin."""
        address, cleaned = checked_email(email), checked_name(name)
        if password is not None:
            self._passwords.check_rules(password)
        now = self._clock.now()
        user = User(
            email=address,
            email_key=email_key(address),
            name=cleaned,
            role=role,
            status=UserStatus.ACTIVE,
            password_hash=await self._passwords.hash(password) if password is not None else None,
            verified_at=now,
            created_at=now,
            updated_at=now,
        )

        async def work() -> None:
            await self._check_actor(actor_id)
            await self._repository.insert_user(user)
            await self._audit.note(AuditAction.ACCOUNT_CREATED, user.id, actor_id=actor_id, role=role.value)

        try:
            await self._database.transaction(work)
        except UniqueViolation as error:
            raise EmailTaken from error
        return user

    async def list_users(self, text: str = "", *, limit: int = 50, cursor: str | None = None) -> UserList:
        """Returns accounts, newest first, or those that match a search. Raises InvalidCursor."""
        return await self._repository.list_users(text, limit, cursor)

    async def active(self, *, cursor: str | None = None) -> Page[User]:
        """Returns 200 accounts that are in use, the oldest first. Raises InvalidCursor."""
        return await self._repository.active_users(cursor)

    async def many(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Returns accounts (at most 200) by id."""
        return await self._repository.users_by_id(user_ids)

    async def lookup(self, email: str) -> User | None:
        """Returns the account of an address, if there is one."""
        return await self._repository.user_by_email(email_key(email))

    async def lookup_many(self, emails: Sequence[str]) -> dict[str, User]:
        """Returns the accounts of some addresses (at most 200) by the address as given, where there is one."""
        keys = {email: email_key(email) for email in emails}
        found = await self._repository.users_by_email(sorted(set(keys.values())))
        return {email: found[key] for email, key in keys.items() if key in found}

    async def find(self, email: str) -> User:
        """Returns the account of an address. Raises NotFoundError."""
        user = await self.lookup(email)
        if user is None:
            raise NotFoundError(f"There is no account with the address {email}.")
        return user

    async def set_role(self, actor_id: str, user_id: str, role: Role) -> User:
        """Changes a role, which counts at once; whoever is signed in gets other credentials with their next request.

        Raises NotFoundError, LastAdmin, NoAdmin.
        """

        async def work(user: User) -> User:
            if user.role is role:
                return user
            fields = {"role": role.value}
            return await self._change(actor_id, user, fields, AuditAction.ROLE_CHANGED, before=user.role, role=role)

        return await self._with_user(actor_id, user_id, work)

    async def suspend(self, actor_id: str, user_id: str) -> User:
        """Shuts an account and ends its sessions at once. Raises NotFoundError, LastAdmin, NoAdmin."""

        async def work(user: User) -> User:
            if user.status is UserStatus.SUSPENDED:
                return user
            fields = {"status": UserStatus.SUSPENDED.value}
            changed = await self._change(actor_id, user, fields, AuditAction.ACCOUNT_SUSPENDED)
            await self._session_ends.of_all(user.id)
            return changed

        return await self._with_user(actor_id, user_id, work)

    async def unsuspend(self, actor_id: str, user_id: str) -> User:
        """Opens a shut account again; one whose address nobody has proven is unproven again.

        Raises NotFoundError, NoAdmin.
        """

        async def work(user: User) -> User:
            if user.status is not UserStatus.SUSPENDED:
                return user
            status = UserStatus.ACTIVE if user.verified_at else UserStatus.UNVERIFIED
            return await self._change(actor_id, user, {"status": status.value}, AuditAction.ACCOUNT_UNSUSPENDED)

        return await self._with_user(actor_id, user_id, work)

    async def _with_user(self, actor_id: str, user_id: str, work: Callable[[User], Awaitable[User]]) -> User:
        async def find_and_work() -> User:
            await self._check_actor(actor_id)
            user = await self._repository.user(user_id)
            if user is None:
                raise NotFoundError("There is no such account.")
            return await work(user)

        return await self._database.transaction(find_and_work)

    async def _check_actor(self, actor_id: str) -> None:
        if actor_id == COMMAND_LINE:
            return
        actor = await self._repository.user(actor_id)
        if actor is None or actor.role is not Role.ADMIN or actor.status is not UserStatus.ACTIVE:
            raise NoAdmin

    async def _change(
        self, actor_id: str, user: User, fields: Mapping[str, object], action: AuditAction, **details: str
    ) -> User:
        """Changes role or status, which an active admin only may lose while there is another one."""
        is_admin = user.role is Role.ADMIN and user.status is UserStatus.ACTIVE
        if is_admin and not await self._repository.hold_other_admin(user.id):
            raise LastAdmin
        changed = await self._repository.change_user(user.id, {**fields, "updated_at": self._clock.now()})
        await self._audit.note(action, user.id, actor_id=actor_id, **details)
        return changed or user

    async def audit(self, *, limit: int = 50, cursor: str | None = None) -> Page[AuditEntry]:
        """Returns the audit trail, newest first. Raises InvalidCursor."""
        return await self._repository.audit(limit, cursor)
