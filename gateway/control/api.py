"""The admin port: metrics, health and the admin API. Every path but /metrics and /health/* asks for a key."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from config.redact import redacted
from gateway.control import access, explain
from gateway.control.errors import Refusal, install
from gateway.control.plane import Plane
from gateway.control.requests import describe_request
from gateway.control.rollout_api import add_rollouts
from gateway.store.base import StoreError
from routing.request_id import InvalidRequestId
from routing.snapshot import Key


def make_app(plane: Plane) -> FastAPI:
    """The ASGI application of the control plane."""
    app = FastAPI(
        title="Headgate", version=version("headgate"), summary="The admin API.",
        dependencies=[Depends(access.same_origin)], docs_url=None, redoc_url=None, openapi_url=None,
    )  # fmt: skip
    install(app)
    _add_open(app, plane)
    _add_admin(app, plane)
    add_rollouts(app, plane, partial(_admits, plane))
    _add_docs(app, plane)
    return app


def _admits(plane: Plane, scopes: frozenset[str]) -> Callable[[Request], Key]:
    """A dependency: the caller's key."""

    def admit(request: Request) -> Key:
        return access.admit(plane.snapshot, request, scopes)

    return admit


def _add_open(app: FastAPI, plane: Plane) -> None:
    """What needs no key."""

    @app.get("/metrics", response_class=Response)
    async def metrics(request: Request) -> Response:
        """What Prometheus scrapes."""
        body, content_type = plane.metrics.render(request.headers.get("accept", ""), plane.exposures)
        return Response(body, headers={"content-type": content_type})

    @app.get("/health/live")
    async def live() -> Mapping[str, str]:
        """Whether this process answers."""
        return {"status": "live"}

    @app.get("/health/ready")
    async def ready(response: Response) -> Mapping[str, Any]:
        """Whether it has a configuration and is not about to leave."""
        if not plane.ready:
            response.status_code = 503
            return {"status": "not ready"}
        return {"status": "ready", "revision": plane.snapshot.revision}


def _add_admin(app: FastAPI, plane: Plane) -> None:
    """What operators read."""
    Reader = Annotated[Key, Depends(_admits(plane, access.READ))]

    @app.get("/admin/v1/config")
    async def config(reader: Reader) -> Mapping[str, Any]:
        """The configuration being served, without its secrets."""
        return redacted(plane.source.loaded.config)

    @app.post("/admin/v1/explain")
    async def explain_request(question: explain.Question, reader: Reader) -> Mapping[str, Any]:
        """Where a request would go, and why; nothing is sent."""
        return explain.answer(plane.snapshot, question, reader)

    @app.get("/admin/v1/requests/{request_id}")
    async def request(request_id: str, reader: Reader) -> Mapping[str, Any]:
        """What is known of a request."""
        try:
            return await describe_request(
                request_id, plane.opener, plane.snapshot, plane.exposures, plane.store
            )
        except StoreError:
            raise Refusal(503, "The store cannot be reached now.", code="store_unavailable") from None
        except InvalidRequestId:
            raise Refusal(400, "This is not a request id of this gateway.", param="request_id") from None


def _add_docs(app: FastAPI, plane: Plane) -> None:
    """The API's description; the page loads its scripts from a public network, the JSON does not."""
    reader = [Depends(_admits(plane, access.READ))]

    @app.get("/docs", include_in_schema=False, dependencies=reader)
    async def docs() -> Response:
        return get_swagger_ui_html(openapi_url="/openapi.json", title="Headgate")

    @app.get("/openapi.json", include_in_schema=False, dependencies=reader)
    async def openapi() -> Mapping[str, Any]:
        return app.openapi()
