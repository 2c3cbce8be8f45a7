"""What an operator's client may be told, and how: OpenAI's error envelope, as on the data port."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse


class Refusal(Exception):
    """A request that is not answered; the message is our own text and never holds what was sent."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param

    def response(self) -> JSONResponse:
        """The envelope; fields that say nothing are null, as OpenAI's clients expect."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return JSONResponse({"error": error}, self.status)


def install(app: FastAPI) -> None:
    """Puts every error of `app` into the envelope."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> JSONResponse:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        # Of what is no JSON the place is a number of characters, and no field.
        place = () if first["type"] == "json_invalid" else first["loc"][1:]
        param = ".".join(map(str, place)) or None
        return Refusal(400, f"The request is not valid: {first['msg']}.", param=param).response()

    @app.exception_handler(HTTPException)
    async def not_there(request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        response = Refusal(status, f"{status.phrase}.", code=status.name.lower()).response()
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def crashed(request: Request, error: Exception) -> JSONResponse:
        return Refusal(500, "The control plane failed to answer. It has been logged.").response()
