"""Work for a Ray cluster: a function called on each of many tasks, one core and one fresh process per call."""

import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from recbole_iacn.errors import ConfigError

Ended: TypeAlias = tuple[Any, Any, str | None]  # a task, what came of it, or what is known of why nothing did
Calls: TypeAlias = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Ended]]

_ANSWER = 60  # seconds within which a cluster must answer: importing Ray takes some of them
_SILENCE = 60  # seconds without a finished task, after which it is worth a look whether any core is left

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
        address (str): ``HOST:PORT`` of its head, ``auto`` for the cluster that this machine is a node of, or ``local``
            for one of this machine alone, started for the purpose.

    Returns:
        Callable: called with a function and a list of tasks, yields (task, value, error) as the calls end, in any
        order: what the function returned for the task, and None; or None, and a text that says why there is nothing:
        it raised, its process was killed, its node was lost. Nothing is tried again.

    Raises:
        ConfigError: Ray cannot be imported, or there is no cluster at this address.
    """
    try:
        import ray
    except Exception as error:  # an old Ray breaks on what today's NumPy and setuptools lack
        raise ConfigError(
            f"ray: it cannot be imported ({type(error).__name__}: {error}); "
            "pip install --upgrade ray, or leave --ray out"
        ) from None
    try:
        _check(address)
        ray.init(address=address, log_to_driver=False)
    except (OSError, OverflowError, ValueError, RuntimeError) as error:  # OSError: also a ConnectionError
        raise ConfigError(f"ray: no cluster at {address!r}: {' '.join(str(error).split())[:200]}") from None

    def call(function, tasks):
        try:
            # max_calls: a process per call. A call that ran out of memory would, tried again, do so again.
            remote = ray.remote(num_cpus=1, max_calls=1, max_retries=0)(function)
            waiting = {remote.remote(task): task for task in tasks}
            while waiting:
                for done in _finished(ray, list(waiting)):
                    yield waiting.pop(done), *_outcome(ray, done)
        finally:
            ray.shutdown()

    return call


def _check(address):
    """Raise unless a cluster answers. Ray itself goes on for many minutes, and fills the screen meanwhile."""
    if address == "local":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():  # what else it may be, Ray knows
        socket.create_connection((host, int(port)), timeout=10).close()
    command = [sys.executable, "-c", _CONNECT, address]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER)
    except subprocess.TimeoutExpired:
        raise ConnectionError(f"what is there has not answered as a Ray cluster within {_ANSWER} s") from None
    if tried.returncode:
        raise ConnectionError(tried.stderr.strip().rpartition("\n")[2])


def _finished(ray, waiting):
    """The next calls to end, one at least."""
    warned = False
    while True:
        done, _ = ray.wait(waiting, timeout=_SILENCE)
        if done:
            return done
        if not warned and not ray.cluster_resources().get("CPU"):
            warnings.warn(f"ray: no node with a core is left; {len(waiting)} tasks wait for one", stacklevel=2)
            warned = True


def _outcome(ray, done):
    try:
        return ray.get(done), None
    except ray.exceptions.RayError as error:
        return None, f"{type(error).__name__}: {error}\n"
