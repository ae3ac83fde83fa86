from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from academy.infrastructure.storage.local import LocalStorage
from academy.infrastructure.storage.memory import MemoryStorage
from academy.infrastructure.storage.settings import StorageSettings
from tests.academies.media import make_film
from tests.unit.features.videos.academy_of_videos import VideoAcademy


@pytest.fixture(params=["local", "memory"])
async def academy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VideoAcademy]:
    storage = LocalStorage(tmp_path / "files") if request.param == "local" else MemoryStorage()
    settings = StorageSettings(max_video_bytes=3 << 20, max_image_bytes=2 << 20, max_document_bytes=5000)
    academy = VideoAcademy(tmp_path, storage, settings)
    await academy.start()
    yield academy
    await academy.database.disconnect()


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")
