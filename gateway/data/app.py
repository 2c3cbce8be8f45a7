"""The paths of the data port that are not hot: models, health, and what there is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Path
from starlette.types import Receive, Scope, Send

from gateway.data.authenticate import authenticate, may_use
from gateway.data.endpoints import ENDPOINTS
from gateway.data.errors import GatewayError, MethodNotAllowed, NotFound
from gateway.data.journey import OUTCOMES, Service
from gateway.data.request import Request
from gateway.data.table import Table
from routing.request_id import Identity
from routing.snapshot import Key

Answer = tuple[int, dict[str, object]]


def make_application(service: Service) -> Starlette:
    """The ASGI application of one worker."""

    def live(request: HttpRequest) -> Answer:
        return 200, {"status": "live"}

    def ready(request: HttpRequest) -> Answer:
        if service.ready:
            return 200, {"status": "ready", "revision": service.table.snapshot.revision}
        return 503, {"status": "not ready"}

    def caller(request: HttpRequest) -> Key:
        ours: Request = request.scope["headgate.request"]
        return authenticate(service.table, ours, "chat")

    def models(request: HttpRequest) -> Answer:
        key = caller(request)
        visible = [name for name in service.table.snapshot.routes if may_use(key, name)]
        return 200, {"object": "list", "data": [_model(name) for name in visible]}

    def model(request: HttpRequest) -> Answer:
        key, name = caller(request), request.path_params["name"]
        route = service.table.snapshot.names.get(name)
        if route is None or not may_use(key, route.name):
            raise NotFound("There is no such model for this key.", param="model", code="model_not_found")
        return 200, _model(name)

    endpoints: dict[str, Callable[[HttpRequest], Answer]] = {
        "/health/live": live,
        "/health/ready": ready,
        "/v1/models": models,
        "/v1/models/{name:path}": model,
    }
    paths = [Path(path, _endpoint(service, answer), methods=["GET"]) for path, answer in endpoints.items()]
    paths += [Path(path.decode(), _PostOnly(service)) for path in (*ENDPOINTS, OUTCOMES)]
    application = Starlette(routes=paths, exception_handlers={HTTPException: _not_there(service)})
    application.router.redirect_slashes = False
    return application


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "headgate"}


def _endpoint(service: Service, answer: Callable[[HttpRequest], Answer]) -> Callable[..., object]:
    async def endpoint(request: HttpRequest) -> Response:
        try:
            status, content = answer(request)
        except GatewayError as error:
            return _refusal(service, error)
        return _respond(service, status, orjson.dumps(content))

    return endpoint


class _PostOnly:
    """Answers every other method; a class, because Starlette leaves all methods to what is no function."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _refusal(self._service, MethodNotAllowed(), {"allow": "POST"})(scope, receive, send)


def _not_there(service: Service) -> Any:
    async def handler(request: HttpRequest, error: HTTPException) -> Response:
        refusal = MethodNotAllowed() if error.status_code == 405 else NotFound()
        return _refusal(service, refusal, error.headers)

    return handler


def _refusal(service: Service, error: GatewayError, headers: object = None) -> Response:
    response = _respond(service, error.status, error.envelope())
    if isinstance(headers, dict):
        response.headers.update(headers)  # Allow, with a 405
    return response


def _respond(service: Service, status: int, body: bytes) -> Response:
    table: Table = service.table
    request_id = table.sealer.seal(service.nonce(), Identity())
    headers = {"date": service.date.decode(), "x-request-id": request_id}
    return Response(body, status, headers, media_type="application/json")
