"""JSON bodies taken at their word: the text "12" is no number, and 1 is no truth."""

from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import ValidationException

from academy.infrastructure.security.principal import Principal


class StrictRequest(Request[Principal | None, None, State]):
    """A request whose JSON body is decoded straight into the class that its handler asks for.

    The framework would convert it together with the path and the query, where everything is text, and as leniently.
    """

    async def json(self) -> Any:
        """Returns the body as the handler's class. Raises ValidationException, which names the field."""
        wanted = self.route_handler.parsed_data_field
        try:
            return msgspec.json.decode(await self.body(), type=wanted.annotation if wanted else Any)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message, _, place = str(error).partition(" - at `$")
            raise ValidationException(extra=[{"message": message, "key": place.strip(".`")}]) from error
