"""What the storages have in common that browsers cannot reach: all files go through the academy."""

from datetime import timedelta

from academy.infrastructure.storage.base import UploadForm
from academy.infrastructure.storage.keys import checked_key


class Unaddressed:
    """A storage without addresses. See the storage door."""

    @property
    def address(self) -> str:
        """Returns "": browsers come through the academy."""
        return ""

    async def get_file_url(
        self, key: str, *, expires_in: timedelta, content_type: str = "", disposition: str = ""
    ) -> str | None:
        """Returns None: the academy itself sends the files."""
        checked_key(key)
        return None

    async def upload_form(self, key: str, *, content_type: str, limit: int, expires_in: timedelta) -> UploadForm | None:
        """Returns None: the academy itself takes the files."""
        checked_key(key)
        return None
