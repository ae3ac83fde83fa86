"""The connections to one mail server, and the messages that wait for them."""

import asyncio
from collections import deque

from academy.infrastructure.email.base import TechnicalEmailError
from academy.infrastructure.email.smtp_answers import ConnectionBroken
from academy.infrastructure.email.smtp_connection import Delivery, Offer, SmtpConnection
from academy.infrastructure.email.smtp_opening import SmtpOpener


class SmtpPool:
    """Carries deliveries over a few connections, each of which belongs to one task: its carrier.

    A connection is opened when a message waits and no carrier is idle. Since the carriers and not the senders speak to
    the server, a sender that is cancelled leaves no connection in the middle of a transaction.
    """

    def __init__(self, opener: SmtpOpener, most_connections: int, timeout_seconds: float, idle_seconds: float) -> None:
        """`idle_seconds`: how long a connection is kept without work."""
        self._opener = opener
        self._most_connections = most_connections
        self._timeout = timeout_seconds
        self._idle_seconds = idle_seconds
        self._line = _Line()
        self._carriers: set[asyncio.Task[None]] = set()

    async def deliver(self, delivery: Delivery) -> None:
        """Returns when the server has taken the message. Raises TechnicalEmailError, LogicalEmailError.

        A message waits no longer than the time-out for a connection that has time for it.
        """
        loop = asyncio.get_running_loop()
        patience = loop.call_later(self._timeout, self._give_up, delivery)
        is_awaited = self._line.add(delivery)
        if not is_awaited and len(self._carriers) < self._most_connections:
            self._carriers.add(loop.create_task(self._carry()))
        try:
            await delivery.outcome
        finally:
            patience.cancel()

    async def close(self) -> None:
        """Refuses what waits, lets end what is under way, for as long as the time-out, and takes leave."""
        self._line.close()
        if self._carriers:
            _, late = await asyncio.wait(self._carriers, timeout=self._timeout)
            for carrier in late:
                carrier.cancel()
            if late:
                await asyncio.wait(late)

    def _give_up(self, delivery: Delivery) -> None:
        if not delivery.is_begun:
            many = f"all {self._most_connections} connections were busy for {self._timeout:g} seconds"
            delivery.settle(TechnicalEmailError(f"No way to the mail server: {many}.", throttled=True))

    async def _carry(self) -> None:
        carrier = _Carrier(self._line, self._opener, self._idle_seconds)
        try:
            await carrier.run()
        finally:
            # Here and not in a callback, which would come later: who delivers next must not count on this carrier.
            self._carriers -= {asyncio.current_task()}


class _Line:
    """The deliveries that wait for a carrier, and the idle carriers."""

    def __init__(self) -> None:
        self._deliveries: deque[Delivery] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._is_closed = False

    def add(self, delivery: Delivery) -> bool:
        """Returns whether an idle carrier was called for it: the one that worked last, so that others can go."""
        self._deliveries.append(delivery)
        if self._idle:
            self._idle.pop().set_result(None)
            return True
        return False

    def take(self) -> Delivery | None:
        """Returns the delivery that waits longest and is still wanted, if any waits."""
        while self._deliveries:
            delivery = self._deliveries.popleft()
            if not delivery.outcome.done():
                delivery.is_begun = True
                return delivery
        return None

    def take_for(self, offer: Offer) -> Delivery | None:
        """Returns the next delivery that a server with this offer can take; settles those that it cannot."""
        while (delivery := self.take()) is not None:
            if (reason := delivery.impossible_for(offer)) is None:
                return delivery
            delivery.settle(reason)
        return None

    async def call(self, end: asyncio.Task[None], seconds: float) -> bool:
        """Waits for work; returns False when `end` came first, or none within the time, or never will."""
        if self._is_closed:
            return False
        called = asyncio.get_running_loop().create_future()
        self._idle.append(called)
        try:
            await asyncio.wait({called, end}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if called in self._idle:
                self._idle.remove(called)
        return called.done() and not end.done()

    def close(self) -> None:
        """Refuses what waits and sends the idle carriers home."""
        self._is_closed = True
        while (delivery := self.take()) is not None:
            delivery.settle(_closed())
        while self._idle:
            self._idle.pop().set_result(None)


class _Carrier:
    """Carries one delivery after the other on its connection; a broken or used-up one is replaced."""

    def __init__(self, line: _Line, opener: SmtpOpener, idle_seconds: float) -> None:
        self._line = line
        self._opener = opener
        self._idle_seconds = idle_seconds
        self._connection: SmtpConnection | None = None
        self._delivery: Delivery | None = None

    async def run(self) -> None:
        """Returns when nothing has come for a while and the connection is closed; no delivery waits then."""
        try:
            while True:
                self._delivery = self._delivery or self._line.take()
                if self._delivery is not None:
                    self._delivery = await self._carry(self._delivery)
                elif self._connection is not None:
                    await self._rest(self._connection)
                else:
                    return
        finally:
            self._break_off()

    async def _carry(self, delivery: Delivery) -> Delivery | None:
        """Carries a delivery; returns the one that has to come next, if that is fixed already."""
        try:
            connection = self._connection = self._connection or await self._opener.open()
        except TechnicalEmailError as error:
            delivery.settle(error)
            return None
        if reason := delivery.impossible_for(connection.offer):
            delivery.settle(reason)
            return None
        try:
            behind = await connection.transact(delivery, lambda: self._line.take_for(connection.offer))
        except ConnectionBroken as broken:
            self._connection = None
            connection.abort()
            return _second_try(connection, delivery, broken)
        if behind is None and connection.is_used_up:
            self._connection = None
            await connection.quit()
        return behind

    async def _rest(self, connection: SmtpConnection) -> None:
        """Waits until there is work, or until the connection was idle for too long or came to its end."""
        end = asyncio.create_task(connection.until_it_speaks())
        try:
            has_work = await self._line.call(end, self._idle_seconds)
        finally:
            # The server may speak in this very moment: only who was cancelled has heard nothing.
            end.cancel()
            await asyncio.wait({end})
        if not end.cancelled():
            self._connection = None
            connection.abort()
        elif not has_work:
            self._connection = None
            await connection.quit()

    def _break_off(self) -> None:
        """Leaves nobody waiting, whatever ended the carrier."""
        connection, self._connection = self._connection, None
        unfinished = [self._delivery]
        if connection is not None:
            unfinished.append(connection.begun)
            connection.abort()
        for delivery in unfinished:
            if delivery is not None:
                delivery.settle(_closed())


def _second_try(connection: SmtpConnection, delivery: Delivery, broken: ConnectionBroken) -> Delivery | None:
    """Returns the delivery that may go out over a fresh connection at once, if there is one; settles the other.

    That is one whose content was not sent, on a kept connection that the server closed; or one that was begun behind
    another. Only once: a fresh connection that breaks has a reason to.
    """
    behind = connection.begun if connection.begun is not delivery else None
    is_kept = not connection.is_in_first_transaction and not delivery.is_content_sent
    if is_kept and broken.by_server and not delivery.is_second_try:
        again: Delivery | None = delivery
    else:
        delivery.settle(broken.as_error())
        again = behind
    if again is None or again.outcome.done():
        return None
    again.is_second_try = True
    return again


def _closed() -> TechnicalEmailError:
    return TechnicalEmailError("The connection to the mail server was closed.")
