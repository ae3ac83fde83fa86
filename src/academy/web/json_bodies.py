"""Bodies taken at their word, and what is wrong with one told: the text "12" is no number, and 1 is no truth."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import FormMultiDict, State
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, InvalidError, Kind
from academy.web.requests import body_limit


class BodyTooLarge(AcademyError):
    """The request has more bytes than its address takes."""

    code = "request_entity_too_large"
    kind = Kind.TOO_LARGE

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request is too large: this address takes at most {limit >> 10:,} KB.")


class BodyBrokeOff(InvalidError):
    """The client went away while it sent the request; nobody is left to read this."""

    code = "body_broke_off"

    def __init__(self) -> None:
        super().__init__("The request broke off. Send it once more.")


class MalformedForm(InvalidError):
    """The form's text is not in the encoding that it should be in, UTF-8, or its parts cannot be told apart."""

    code = "malformed_form"

    def __init__(self) -> None:
        super().__init__("The form could not be read. Send it once more, as UTF-8.")


class StrictRequest(Request[Principal | None, None, State]):
    """A request whose JSON body is decoded straight into the class that its handler asks for.

    The framework would convert it together with the path and the query, where everything is text, and as leniently.
    """

    async def body(self) -> bytes:
        """Returns the whole body. Raises BodyTooLarge, BodyBrokeOff, HTTPException (408)."""
        with self._told():
            return await super().body()

    async def form(self) -> FormMultiDict:
        """Returns the sent form, empty when the body is none. Raises what `body` does, and MalformedForm."""
        try:
            with self._told():
                return await super().form()
        except HTTPException:
            raise
        except (LookupError, ValueError) as error:  # an encoding that does not exist, or that the text is not in
            raise MalformedForm from error

    async def json(self) -> Any:
        """Returns the body as the handler's class. Raises ValidationException, which names the field."""
        wanted = self.route_handler.parsed_data_field
        try:
            return msgspec.json.decode(await self.body(), type=wanted.annotation if wanted else Any)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message, _, place = str(error).partition(" - at `$")
            raise ValidationException(extra=[{"message": message, "key": place.strip(".`")}]) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tells what the framework finds in the academy's words."""
        try:
            yield
        except RequestEntityTooLarge as error:
            raise BodyTooLarge(body_limit(self.scope) or 0) from error
        except InternalServerException as error:  # the framework's word for a client that went away
            raise BodyBrokeOff from error
