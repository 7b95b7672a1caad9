"""The service's process: its socket, signals and threads."""

import errno
import gc
import ipaddress
import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.service.request_limits import Limits
from recbole_iacn.serving.service.secret import Secret
from recbole_iacn.system import interrupts

if TYPE_CHECKING:
    from fastapi import FastAPI

    from recbole_iacn.serving.service.live import Served

_PACKAGES = ("fastapi", "uvicorn", "httptools", "prometheus_client", "starlette", "anyio")
_BACKLOG = 2048  # connections that the kernel holds until they are accepted


def serve(
    bundle: str | os.PathLike,
    retriever: str | os.PathLike | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    secret: Secret | None = None,
    limits: Limits | None = None,
    device: str = "cpu",
    threads: int = 1,
    batch: int = 32,
    candidates: int = 500,
    grace: float = 30.0,
    items: str | os.PathLike | None = None,
    item_key: str | None = None,
    title: str | None = None,
    picture: str | None = None,
) -> None:
    """Serve a bundle until SIGINT or SIGTERM, see :func:`run`; requests that have begun are answered first. SIGHUP
    reloads.

    Args:
        bundle (str): the folder that :meth:`recbole_iacn.Training.save` wrote.
        retriever (str, optional): a second bundle, which finds the candidates that the first one ranks.
        host, port: the address; port 0 for any free one, which is printed.
        secret (Secret, optional): the token that requests must carry.
        limits (Limits, optional): what a request may ask for.
        device (str): of the models.
        threads (int): of PyTorch, for the one request or batch that is answered at a time.
        batch (int): histories of different requests that the model reads at once.
        candidates (int): items per history that the retriever finds.
        grace (float): seconds that requests have to end after a signal.
        items (str, optional): a table with the items' names, for explanations and the page.
        item_key, title, picture: columns of that table; by default those with usual names.

    Raises:
        ConfigError: a package is missing, the address cannot be had, or the bundle or the table of items cannot be
            read or served.
    """
    for name, value, least in (
        ("threads", threads, 1),
        ("batch", batch, 1),
        ("candidates", candidates, 1),
        ("grace", grace, 0),
    ):
        if not least <= value < math.inf:
            raise ConfigError(f"{name}: must be at least {least}, got {value}")
    try:
        import httptools  # noqa: F401
        import uvicorn  # noqa: F401

        from recbole_iacn.serving.service.application import application
        from recbole_iacn.serving.service.opening import opener
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise ConfigError(f"serve: needs {error.name}; pip install 'recbole_iacn[serve]'") from None
    import torch

    with closing(listen(host, port)) as connection:
        torch.set_num_threads(threads)
        named = {"items": items, "item_key": item_key, "title": title, "picture": picture}
        table = named if any(value is not None for value in named.values()) else None
        load = opener(Path(bundle), Path(retriever) if retriever is not None else None, device, candidates, table)
        app = application(load, secret, limits, batch, lambda: torch.set_num_threads(threads), _settle)
        _warn_of_open_door(connection, secret)
        run(app, connection, grace)


def run(app: "FastAPI", connection: socket.socket, grace: float = 30.0) -> None:
    """Answer requests until SIGINT or SIGTERM; a second SIGINT ends without waiting for those that have begun.

    Args:
        app: of :func:`application`.
        connection: of :func:`listen`.
        grace (float): seconds that requests have to end.

    Raises:
        KeyboardInterrupt: always, in the end.
    """
    import uvicorn

    config = configured(app, grace)
    print(f"serving {_words(app.state.live.current)} at {_address(connection)}; end with Ctrl-C", flush=True)
    ended = f"the service has ended; what had begun was given {grace:g} s to be answered"
    with _reloading(app), interrupts.saying(ended), interrupts.left_to_another():
        uvicorn.Server(config).run(sockets=[connection])  # it raises the signal once more when it has ended well


def configured(app: "FastAPI", grace: float) -> Any:
    """How uvicorn runs the application, a ``uvicorn.Config``."""
    import uvicorn

    from recbole_iacn.serving.service.connections import bounded

    return uvicorn.Config(
        app,
        http=bounded(app.state.limits.seconds),
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=math.ceil(grace),
    )


def _settle() -> None:
    """Collect garbage now, and leave what is left out of later collections: one of these would go through all that was
    imported and loaded, a million objects, and stop every request for half a second."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; connections wait in it until the model is loaded.

    Args:
        host (str): a name or an address, of IPv4 or IPv6.
        port (int): 0 for any free one.

    Raises:
        ConfigError: the port is in use or not allowed, or the host is not one of this machine's.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"port: must be from 0 to 65535, got {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError(f"host: {host!r} is not an address of this machine ({error})") from None
    connection = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.bind(address)
        connection.listen(_BACKLOG)
    except OSError as error:
        connection.close()
        raise ConfigError(_reason(error, host, port)) from None
    return connection


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port: {port} of {host} is in use; give another --port, or --port 0 for any free one"
    if error.errno == errno.EACCES:
        return f"port: {port} needs rights that this user does not have; give a --port from 1024 on"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"host: {host} is not an address of this machine; --host 0.0.0.0 is all of them"
    return f"host, port: cannot listen at {host}:{port} ({error.strerror})"


def _address(connection: socket.socket) -> str:
    host, port = connection.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _words(served: "Served") -> str:
    return ", ".join(f"{name} {value}" for name, value in served.facts.items())


def _warn_of_open_door(connection: socket.socket, secret: Secret | None) -> None:
    host = connection.getsockname()[0]
    if secret is None and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        logging.getLogger(__name__).warning(
            "host: %s can be reached from other machines, and no token is asked for; give --token-file", host
        )


@contextmanager
def _reloading(app: "FastAPI") -> Iterator[None]:
    """SIGHUP reloads while the block lasts."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda *_: _reload_beside(app))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _reload_beside(app: "FastAPI") -> None:
    """Reload in a thread of its own: a signal's handler interrupts the event loop and must be short."""

    def reload() -> None:
        try:
            app.state.live.reload()
        except ConfigError as error:
            print(f"error: {error}", flush=True)

    threading.Thread(target=reload, name="reload", daemon=True).start()
