"""What the studio asks of the feature that holds videos and files, which stands above this one."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from academy.features.courses.model import LessonVideo


@runtime_checkable  # the web framework checks what it hands to a handler
class StudioMedia(Protocol):
    """The media of lessons. The composition root hands in who keeps this promise."""

    @property
    def takes_direct_uploads(self) -> bool:
        """Whether browsers can send files straight to where they are kept."""
        ...

    async def lesson_videos(self, video_ids: Sequence[str]) -> Mapping[str, LessonVideo]:
        """Returns what the makers of lessons are shown of their videos, by id; a deleted video is left out."""
        ...

    def file_url(self, key: str, name: str = "") -> str:
        """Returns an address of a stored file that holds for a while; browsers save it under `name`."""
        ...

    def upload_rules(self, *kinds: str) -> Mapping[str, int]:
        """Returns the extensions that files of these kinds may have (video, image, document, archive): most bytes."""
        ...
