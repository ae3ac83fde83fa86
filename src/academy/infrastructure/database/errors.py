"""What can go wrong between the academy and its database. Both engines raise exactly these."""

from academy.kit.errors import AcademyError, ConflictError, Kind, UnavailableError


class UniqueViolation(ConflictError):
    """A write would give two documents the same values in a unique index; nothing was written.

    Attributes:
        collection: the collection written to.
        index: the label of the violated index (`_id` for the primary key).
    """

    code = "already_exists"

    def __init__(self, collection: str, index: str) -> None:
        super().__init__("Something with these values exists already.")
        self.collection = collection
        self.index = index


class VersionConflict(ConflictError):
    """The document was changed by someone else since it was read; nothing was written. Read it again and retry."""

    code = "changed_meanwhile"

    def __init__(self, collection: str, document_id: str) -> None:
        super().__init__("This was changed by someone else in the meantime. Reload it and make your change again.")
        self.collection = collection
        self.document_id = document_id


class DatabaseUnavailable(UnavailableError):
    """The database cannot be reached, is locked for too long or has no room; the write did not happen."""

    code = "database_unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__("The academy's database does not answer at the moment. Try again in a moment.", retry_after=5)
        self.detail = detail


class InvalidCursor(AcademyError):
    """A paging cursor was not made by this academy for this list."""

    code = "invalid_cursor"
    kind = Kind.INVALID

    def __init__(self) -> None:
        super().__init__("This page marker is not valid. Start again from the first page.")


class UnsupportedQuery(Exception):
    """A programming error: a filter, update or sort outside the declared subset, or of the wrong type.

    Not an AcademyError: it is a bug in a repository, never a user's fault, and ends as a 500.
    """
