"""Listening to the news that other processes publish about changed values."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from academy.infrastructure.cache.keys import CHANNEL
from academy.infrastructure.cache.news import News, decode_news
from academy.infrastructure.redis.link import end_task

# Silence for one beat is answered with a ping; a second silent beat means that the connection is dead.
_BEAT_SECONDS = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class Subscription:
    """Listens in a task of its own, and subscribes again by itself whenever the connection was lost.

    `is_live` is True from a confirmed subscription until its connection is lost. `on_turn` is called at both moments:
    news may have been missed.
    """

    def __init__(self, client: Any, on_news: Callable[[News], None], on_turn: Callable[[], None]) -> None:
        # redis-py declares a cluster's subscriptions as a class of their own.
        self._client = client
        self._on_news = on_news
        self._on_turn = on_turn
        self._task: asyncio.Task[None] | None = None
        self._pause = _FIRST_PAUSE
        self.is_live = False

    def start(self) -> None:
        """Begins to listen. Does nothing when it does already."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen_on())

    async def close(self) -> None:
        """Stops to listen. Safe to call twice."""
        if self._task is not None:
            await end_task(self._task)
            self._task = None

    async def _listen_on(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, RedisError):
                pass  # it was not there, or went away: what follows is the same
            finally:
                self.is_live = False
                self._on_turn()
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    async def _listen(self) -> None:
        """Listens until the connection is lost, and raises then."""
        channel = self._client.pubsub()
        try:
            async with asyncio.timeout(2 * _BEAT_SECONDS):
                await channel.subscribe(CHANNEL)
            was_silent = False
            while True:
                message = await channel.get_message(timeout=_BEAT_SECONDS)
                if message is not None:
                    was_silent = False
                    self._take(message)
                elif was_silent:
                    raise TimeoutError
                else:
                    was_silent = True
                    async with asyncio.timeout(_BEAT_SECONDS):
                        await channel.ping()
        finally:
            with contextlib.suppress(OSError, RedisError):
                await channel.aclose()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._pause = _FIRST_PAUSE
            self._on_turn()
            self.is_live = True
        elif message["type"] == "message":
            self._on_news(decode_news(message["data"]))
