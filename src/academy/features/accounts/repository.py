"""Every query of the accounts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from academy.features.accounts.model import (
    AuditEntry,
    CodePurpose,
    CodeTries,
    CodeTry,
    OneTimeCode,
    RefreshToken,
    Topic,
    User,
    UserList,
    UserStatus,
)
from academy.infrastructure.database.base import LARGEST_PAGE, Database, Page, Update
from academy.infrastructure.database.batches import delete_in_batches
from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.model import Session


class AccountRepository:
    """Users, codes, tokens, audit entries. Sessions have a store of their own, and are only swept here."""

    def __init__(self, database: Database) -> None:
        self._users = database.collection(User)
        self._sessions = database.collection(Session)
        self._codes = database.collection(OneTimeCode)
        self._tokens = database.collection(RefreshToken)
        self._tries = database.collection(CodeTries)
        self._audit = database.collection(AuditEntry)

    # --- users ---

    async def user(self, user_id: str) -> User | None:
        """Returns a user by id."""
        return await self._users.get(user_id)

    async def user_by_email(self, email_key: str) -> User | None:
        """Returns a user by comparable address."""
        return await self._users.find_one({"email_key": email_key})

    async def users_by_email(self, email_keys: Sequence[str]) -> dict[str, User]:
        """Returns users (at most 200) by comparable address."""
        found = await self._users.find({"email_key": {"$in": list(email_keys)}}) if email_keys else []
        return {user.email_key: user for user in found}

    async def users_by_id(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Returns users (at most 200) by id."""
        found = await self._users.find({"id": {"$in": list(user_ids)}}) if user_ids else []
        return {user.id: user for user in found}

    async def insert_user(self, user: User) -> None:
        """Stores a new user. Raises UniqueViolation for a taken address."""
        await self._users.insert(user)

    async def change_user(self, user_id: str, fields: dict[str, object]) -> User | None:
        """Sets fields of a user. Raises UniqueViolation for a taken address."""
        return await self._users.find_and_update({"id": user_id}, {"$set": fields})

    async def decline(self, user_id: str, topic: Topic, now: datetime) -> None:
        """Adds a topic to those that an account gets no mail about."""
        change: Update = {"$addToSet": {"preferences.declined": topic}, "$set": {"updated_at": now}}
        await self._users.update_one({"id": user_id}, change)

    async def delete_user(self, user_id: str) -> None:
        """Removes a user."""
        await self._users.delete_one({"id": user_id})

    async def list_users(self, text: str, limit: int, cursor: str | None) -> UserList:
        """Returns accounts: those whose name or address has the words of `text`, or all, newest first."""
        if text.strip():
            found = await self._users.search(text, {}, limit=limit, cursor=cursor)
            return UserList(found.items, found.next_cursor, found.total)
        page = await self._users.page({}, sort=("-created_at",), limit=limit, cursor=cursor)
        return UserList(page.items, page.next_cursor, await self._users.count({}))

    async def has_admin(self) -> bool:
        """Whether there is an account with the role admin."""
        return await self._users.find_one({"role": Role.ADMIN}, sort=("created_at",)) is not None

    async def active_users(self, cursor: str | None) -> Page[User]:
        """One page of the accounts that are in use, the oldest first."""
        query = {"status": UserStatus.ACTIVE}
        return await self._users.page(query, sort=("created_at",), limit=LARGEST_PAGE, cursor=cursor)

    async def activate_user(self, user_id: str, now: datetime, *, keep_password: bool) -> User | None:
        """Makes an unproven account active, with its password or none; None when it is not unproven (any more)."""
        fields: dict[str, object] = {"status": UserStatus.ACTIVE.value, "verified_at": now, "updated_at": now}
        if not keep_password:
            fields["password_hash"] = None
        return await self._users.find_and_update(
            {"id": user_id, "status": UserStatus.UNVERIFIED.value}, {"$set": fields}
        )

    async def admit_user(self, user_id: str, password_hash: str | None, now: datetime) -> User | None:
        """Notes a sign-in; None when the account is not active or has another password by now."""
        query = {"id": user_id, "status": UserStatus.ACTIVE.value, "password_hash": password_hash}
        return await self._users.find_and_update(query, {"$set": {"last_sign_in_at": now}})

    async def replace_password(self, user_id: str, old: str | None, fresh: str, now: datetime) -> User | None:
        """Puts the hash of a password in the place of another one; None when that was changed meanwhile."""
        query = {"id": user_id, "password_hash": old}
        return await self._users.find_and_update(query, {"$set": {"password_hash": fresh, "updated_at": now}})

    async def hold_active(self, user_id: str) -> bool:
        """Whether an account is in use; no other transaction can shut or delete it until this one is over.

        The write changes nothing but the version: it makes two transactions collide that would not see each other.
        """
        query = {"id": user_id, "status": UserStatus.ACTIVE.value}
        return await self._users.update_one(query, {"$set": {"status": UserStatus.ACTIVE.value}})

    async def hold_other_admin(self, user_id: str) -> bool:
        """Whether there is another active admin; no other transaction can take that one away until this one is over.

        The write changes nothing but the version: it makes two admins who remove each other collide.
        """
        query = {"role": Role.ADMIN.value, "status": UserStatus.ACTIVE.value, "id": {"$ne": user_id}}
        return await self._users.update_one(query, {"$set": {"role": Role.ADMIN.value}})

    async def delete_unverified(self, before: datetime) -> int:
        """Removes accounts that were made before a moment and never proven."""
        query = {"status": UserStatus.UNVERIFIED.value, "created_at": {"$lt": before}}
        return await delete_in_batches(self._users, query, sort=("created_at",))

    async def begin_session_generation(self, user_id: str, *, but: str = "") -> None:
        """Lets no session of a user count any more, wherever it is kept, except one."""
        change: Update = {"$inc": {"session_generation": 1}, "$set": {"kept_session_id": but}}
        await self._users.update_one({"id": user_id}, change)

    # --- refresh tokens ---

    async def delete_tokens_of(self, user_id: str, *, but: str = "") -> None:
        """Removes the refresh tokens of all sessions of a user, except one."""
        await self._tokens.delete_many({"user_id": user_id, "session_id": {"$ne": but}})

    async def delete_tokens_of_session(self, session_id: str) -> None:
        """Removes the refresh tokens of a session."""
        await self._tokens.delete_many({"session_id": session_id})

    async def insert_token(self, token: RefreshToken) -> None:
        """Stores a new refresh token."""
        await self._tokens.insert(token)

    async def use_token(self, token_hash: str, now: datetime) -> RefreshToken | None:
        """Marks a live refresh token as used and returns it; None when there is none that was not used yet."""
        return await self._tokens.find_and_update(
            {"token_hash": token_hash, "used_at": None, "expires_at": {"$gt": now}}, {"$set": {"used_at": now}}
        )

    async def token(self, token_hash: str) -> RefreshToken | None:
        """Returns a refresh token in any state."""
        return await self._tokens.find_one({"token_hash": token_hash})

    async def delete_expired(self, now: datetime) -> None:
        """Removes sessions, tokens and tries whose time is over; codes an hour later: their counts limit new ones."""
        over, sort = {"expires_at": {"$lt": now}}, ("expires_at",)
        # With sessions in Redis, these are the ones from before.
        await delete_in_batches(self._sessions, over, sort=sort)
        await delete_in_batches(self._tokens, over, sort=sort)
        await delete_in_batches(self._tries, over, sort=sort)
        await delete_in_batches(self._codes, {"expires_at": {"$lt": now - timedelta(hours=1)}}, sort=sort)

    # --- one-time codes ---

    async def code(self, email_key: str, purpose: CodePurpose) -> OneTimeCode | None:
        """Returns the code of an address for a purpose, live or not."""
        return await self._codes.find_one({"email_key": email_key, "purpose": purpose.value})

    async def put_code(self, code: OneTimeCode) -> None:
        """Stores a code in place of the one before."""
        await self._codes.delete_many({"email_key": code.email_key, "purpose": code.purpose.value})
        await self._codes.insert(code)

    async def tries(self, address_hash: str) -> CodeTries | None:
        """Returns the codes that were typed for an address."""
        return await self._tries.find_one({"address_hash": address_hash})

    async def count_try(self, address_hash: str, tried: CodeTry, most: int, expires_at: datetime) -> CodeTries:
        """Adds a try to those of an address and returns them with it; the latest `most` are kept."""
        fresh = CodeTries(
            address_hash=address_hash, tries=[tried], expires_at=expires_at, created_at=tried.at, updated_at=tried.at
        )
        change: Update = {
            "$push": {"tries": {"$each": [tried], "$slice": -most}},
            "$set": {"expires_at": expires_at, "updated_at": tried.at},
        }
        return await self._tries.find_and_update({"address_hash": address_hash}, change, insert=fresh) or fresh

    async def forgive_try(self, address_hash: str, tried: CodeTry) -> None:
        """Takes a try out again."""
        await self._tries.update_one({"address_hash": address_hash}, {"$pull": {"tries": tried}})

    async def delete_code(self, code_id: str) -> bool:
        """Uses a code up; False when someone else did."""
        return await self._codes.delete_one({"id": code_id})

    async def delete_codes_of(self, user_id: str) -> None:
        """Removes all codes of a user."""
        await self._codes.delete_many({"user_id": user_id})

    # --- audit ---

    async def insert_audit(self, entry: AuditEntry) -> None:
        """Writes an audit entry."""
        await self._audit.insert(entry)

    async def audit_of(self, subject_id: str) -> list[AuditEntry]:
        """Returns what was done to a user (the latest 200 entries), newest first."""
        return await self._audit.find({"subject_id": subject_id}, sort=("-created_at",))

    async def audit(self, limit: int, cursor: str | None) -> Page[AuditEntry]:
        """Returns the audit trail, newest first."""
        return await self._audit.page({}, sort=("-created_at",), limit=limit, cursor=cursor)
