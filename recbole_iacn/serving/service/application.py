"""The service as a FastAPI application."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.page.html_page import content_security_policy, live_page
from recbole_iacn.serving.service import bodies
from recbole_iacn.serving.service.answers import Answers
from recbole_iacn.serving.service.batching import Batcher
from recbole_iacn.serving.service.gate import Gate, Refusal, as_bytes
from recbole_iacn.serving.service.live import Live, Served
from recbole_iacn.serving.service.meters import CONTENT_TYPE, Meters
from recbole_iacn.serving.service.request_limits import Limits
from recbole_iacn.serving.service.secret import Secret
from recbole_iacn.version import __version__

_BODIES: dict[str, type[bodies.Body]] = {
    "/recommend": bodies.Recommend,
    "/score": bodies.Score,
    "/interests": bodies.Interests,
    "/explain": bodies.Explain,
}
_PATHS = (*_BODIES, "/items", "/health", "/metrics", "/reload", "/openapi.json", "/")
_PAGE = {
    # Besides what the page itself says: no other site may show it in a frame, and a link does not tell where it stands.
    "Content-Security-Policy": f"{content_security_policy(live=True, pictures=True)}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def application(
    load: Callable[[], Served],
    secret: Secret | None = None,
    limits: Limits | None = None,
    batch: int = 32,
    prepare: Callable[[], None] | None = None,
    settle: Callable[[], None] | None = None,
) -> FastAPI:
    """The application that serves a bundle. The bundle is loaded before it returns.

    Args:
        load: opens what is served; called again for each reload.
        secret (Secret, optional): the token that requests must carry. Without one anybody who reaches the address is
            answered, and ``/reload`` is refused.
        limits (Limits, optional): what a request may ask for.
        batch (int): histories of different requests that the model reads at once. Defaults to 32; 1 for one request
            at a time.
        prepare: called once in the thread that has the model.
        settle: called after each load, when the old model is no longer needed.

    Returns:
        fastapi.FastAPI: with ``state.live``, a :class:`Live`, whose :meth:`Live.reload` SIGHUP may call, and
            ``state.limits``.

    Raises:
        ConfigError: what is served cannot be loaded.
    """
    limits = limits or Limits()
    meters = Meters(_PATHS)
    live = Live(load, meters, settle)
    ask = Batcher(Answers(live, meters), batch, limits.waiting, meters, prepare)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        ask.close()

    app = FastAPI(title="recbole_iacn", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False  # it would send clients, and their token, to where the header Host says
    app.state.live, app.state.limits = live, limits
    app.add_middleware(Gate, secret=secret, limits=limits, meters=meters, open_paths=("/health", "/"))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ConfigError, _wrong)
    for status in (400, 404, 405):  # all that FastAPI itself refuses with
        app.add_exception_handler(status, _refused)

    _add_questions(app, live, limits, ask)
    _add_page(app, live)
    _add_operations(app, live, meters, secret)
    return app


def _add_questions(app: FastAPI, live: Live, limits: Limits, ask: Batcher) -> None:
    """The paths that the model answers."""

    async def answer(body: bodies.Body) -> Response:
        body.check(limits)
        return _json(await ask(body, len(body.histories)))

    @app.post("/recommend", summary="The best items for each history")
    async def recommend(body: bodies.Recommend) -> Response:
        return await answer(body)

    @app.post("/score", summary="The score of each history's items")
    async def score(body: bodies.Score) -> Response:
        return await answer(body)

    @app.post("/interests", summary="The interests of each history, and which click belongs to which")
    async def interests(body: bodies.Interests) -> Response:
        return await answer(body)

    @app.post("/explain", summary="The best items for each history, with the interests and clicks that carry them")
    async def explain(body: bodies.Explain) -> Response:
        body.check(limits)
        body.check_changes(limits, live.current.recommender.queries.most)
        return await answer(body)


def _add_page(app: FastAPI, live: Live) -> None:
    """The page on which a history is typed in, and what it looks items up by."""
    html = live_page()

    @app.get("/items", summary="Items whose names contain what is typed")
    async def items(request: Request) -> Response:
        query, count = bodies.item_query(request.query_params)
        served = live.current
        found = await run_in_threadpool(lambda: served.search(query, count))
        listed = [{"item": one.item, "name": one.name, "picture": one.picture} for one in found]
        return _json({"items": listed, "bundle": served.facts["bundle"]})

    @app.get("/", summary="A page on which a history is typed in", response_class=HTMLResponse)
    async def page() -> Response:
        return HTMLResponse(html, headers=_PAGE)


def _add_operations(app: FastAPI, live: Live, meters: Meters, secret: Secret | None) -> None:
    """The paths for those who run the service."""

    @app.get("/health", summary="Whether the service answers; with the token, what it serves")
    async def health(request: Request) -> dict[str, Any]:
        if secret is not None and not request.state.authorized:
            return {"status": "ok"}
        served = live.current
        return {"status": "ok", **served.facts, "since": served.since, "reload_failure": live.failure}

    @app.get("/metrics", summary="Counters, for Prometheus")
    async def metrics() -> Response:
        return Response(meters.text(), media_type=CONTENT_TYPE)

    @app.post("/reload", summary="Serve what now lies in the bundle's folder")
    async def reload() -> Response:
        if secret is None:
            raise Refusal(403, "reload: needs a token; start the service with --token-file, or send it SIGHUP")
        try:
            served = await run_in_threadpool(live.reload)
        except ConfigError as error:
            raise Refusal(409, str(error)) from None
        return _json({"status": "ok", **served.facts, "since": served.since})


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(as_bytes(content), status, headers, "application/json")


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    keys = list(_BODIES[request.url.path].model_fields) if request.url.path in _BODIES else []
    return _json({"error": bodies.wording(error.errors(), keys)}, 422)


def _wrong(request: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 422)


def _refused(request: Request, error: Exception) -> Response:
    """A path that there is not, a method that it has not, a body that cannot be read."""
    status, detail = getattr(error, "status_code", 400), getattr(error, "detail", "body: cannot be read")
    path = request.url.path if len(request.url.path) <= 80 else request.url.path[:77] + "..."
    reason = {
        400: "body: cannot be read; it must be JSON in UTF-8, not deeply nested, with numbers of at most 4,300 digits",
        404: f"{path}: is not a path of this service; there are {', '.join(_PATHS)}",
        405: f"{request.method}: {path} does not take it",
    }.get(status, str(detail).lower())
    return _json({"error": reason}, status, getattr(error, "headers", None))
