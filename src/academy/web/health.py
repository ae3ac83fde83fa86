"""Health over HTTP: for load balancers (live, ready), and with details for admins."""

from typing import Protocol

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from academy.infrastructure.security.principal import Principal, Role
from academy.web.guards import anyone

_NOT_READY = 503


class HealthSource(Protocol):
    """What the health routes ask."""

    async def is_ready(self) -> bool:
        """Whether requests can be answered."""
        ...

    async def health(self) -> msgspec.Struct:
        """Runs all checks: a Struct with `status` and `checks`."""
        ...


def health_handlers(source: HealthSource) -> list[HTTPRouteHandler]:
    """Answers 200, or 503 when the academy cannot do its work."""

    @get("/health/live", guards=[anyone], include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "healthy"}

    @get("/health/ready", guards=[anyone], include_in_schema=False)
    async def ready() -> Response[dict[str, str]]:
        is_ready = await source.is_ready()
        status = "healthy" if is_ready else "error"
        return Response({"status": status}, status_code=200 if is_ready else _NOT_READY)

    @get("/health", guards=[anyone], include_in_schema=False)
    async def health(visitor: NamedDependency[Principal | None]) -> Response[object]:
        report = msgspec.to_builtins(await source.health())
        if visitor is None or not visitor.may_act_as(Role.ADMIN):
            report = {"status": report["status"]}
        return Response(report, status_code=_NOT_READY if report["status"] == "error" else 200)

    return [live, ready, health]
