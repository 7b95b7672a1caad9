"""Run tasks on a Ray cluster: a function is called on each task, with one core and one new process per call."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeAlias

from recbole_iacn.errors import ConfigError

Ended: TypeAlias = tuple[Any, Any, str | None]  # a task, its result, or the reason why there is none
Calls: TypeAlias = Callable[[Callable[[Any], Any], Sequence[Any]], Generator[Ended]]

_ANSWER = 60  # seconds within which a cluster must answer, including the import of Ray
_SILENCE = 60  # seconds without a finished task after which the cluster is checked for remaining cores

_CONNECT = """
import sys
import ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False)
except Exception as error:
    sys.exit(" ".join(str(error).split()))
"""


def connect(address: str) -> Calls:
    """Connect to a cluster.

    Args:
        address (str): ``HOST:PORT`` of its head, ``auto`` for the cluster to which this machine belongs, or ``local``
            for a new cluster on this machine alone.

    Returns:
        Callable: called with a function and a list of tasks, it yields (task, value, error) as the calls end, in any
        order: the function's result and None; or None and the reason as text: the function raised an exception, its
        process was killed, or its node was lost. No call is repeated.

    Raises:
        ConfigError: Ray cannot be imported, or there is no cluster at this address.
    """
    try:
        import ray
    except Exception as error:  # an old Ray needs names that today's NumPy and setuptools lack
        raise ConfigError(
            f"ray: it cannot be imported ({type(error).__name__}: {error}); pip install --upgrade ray, or omit --ray"
        ) from None
    try:
        _check(address)
        with _handler_kept():
            ray.init(address=address, log_to_driver=False)
    except (OSError, OverflowError, ValueError, RuntimeError) as error:  # OSError: also a ConnectionError
        raise ConfigError(f"ray: no cluster at {address!r}: {' '.join(str(error).split())[:200]}") from None

    def call(function, tasks):
        try:
            # max_calls=1 gives every call its own process; max_retries=0, because out-of-memory errors would recur.
            remote = ray.remote(num_cpus=1, max_calls=1, max_retries=0)(function)
            waiting = {remote.remote(task): task for task in tasks}
            while waiting:
                for done in _finished(ray, list(waiting)):
                    yield waiting.pop(done), *_outcome(ray, done)
        finally:
            ray.shutdown()

    return call


@contextlib.contextmanager
def _handler_kept():
    """Ray ends the process at SIGTERM by a handler of its own, with another exit code."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGTERM, before)


def _check(address):
    """Raise an exception unless a cluster answers. Ray itself would retry for minutes and fill the screen."""
    if address == "local":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():  # Ray interprets all other forms
        socket.create_connection((host, int(port)), timeout=10).close()
    command = [sys.executable, "-c", _CONNECT, address]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER)
    except subprocess.TimeoutExpired:
        raise ConnectionError(f"the server there did not answer as a Ray cluster within {_ANSWER} s") from None
    if tried.returncode:
        raise ConnectionError(tried.stderr.strip().rpartition("\n")[2])


def _finished(ray, waiting):
    """The calls that ended since, at least one."""
    warned = False
    while True:
        done, _ = ray.wait(waiting, timeout=_SILENCE)
        if done:
            return done
        if not warned and not ray.cluster_resources().get("CPU"):
            warnings.warn(f"ray: no node with a core is left; {len(waiting)} tasks are waiting for one", stacklevel=2)
            warned = True


def _outcome(ray, done):
    try:
        return ray.get(done), None
    except ray.exceptions.RayError as error:
        return None, f"{type(error).__name__}: {error}\n"
