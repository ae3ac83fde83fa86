"""The media type of what is sent: a handler that takes JSON is given nothing else."""

from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE

from academy.web.requests import PageRequest

_JSON = "application/json"


def check_content_type(request: PageRequest) -> None:
    """Refuses a body of another type where JSON is decoded. Raises HTTPException (415).

    That also keeps forms of other sites away: without asking first, a browser sends JSON to no foreign address.
    """
    if "data" not in request.route_handler.parsed_fn_signature.parameters:
        return
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_empty = not given and request.headers.get("content-length", "0") == "0"
    if given != _JSON and not given.endswith("+json") and not is_empty:
        raise HTTPException(
            status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE,
            detail=f"Send the body as {_JSON}; this was {given or 'of no named type'}.",
        )
