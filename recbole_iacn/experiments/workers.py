"""Run tasks in processes of this machine: a function is called on each task, with one new process per call."""

import contextlib
import multiprocessing
import traceback
from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from recbole_iacn.experiments.ray_cluster import Calls, Ended
from recbole_iacn.system import interrupts, leftovers

_LOOK = 1  # seconds after which a process is asked whether it lives, in case that its own children hold its pipes open


class _Worker(NamedTuple):
    process: BaseProcess
    answer: Connection
    task: Any


def by_processes(jobs: int) -> Calls:
    """Call in up to ``jobs`` processes at the same time.

    Args:
        jobs (int): the maximum number of processes.

    Returns:
        Callable: called with a function and a list of tasks, it yields (task, value, error) as the calls end, in any
        order: the function's result and None; or None and the reason as text: the function raised an exception, or its
        process ended. When it is closed, or interrupted, the processes end, and what they have left is removed.
    """

    def call(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Generator[Ended]:
        waiting = list(reversed(tasks))
        running: list[_Worker] = []
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    _start(function, waiting.pop(), running)
                for worker in _ended(running):
                    outcome = _outcome(worker)
                    running.remove(worker)
                    yield worker.task, *outcome
        finally:
            interrupts.stop(worker.process for worker in running)
            leftovers.sweep_temporary()

    return call


def _start(function, task, running):
    """Start a worker, which is among the running ones before it starts: an interruption ends all of them."""
    context = multiprocessing.get_context("spawn")
    answer, send = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(function, task, send))
    running.append(_Worker(process, answer, task))
    interrupts.start(process)
    send.close()  # the child's is the last one, so that its end is seen here


def _work(function, task, send):
    """In the child."""
    interrupts.begin_child()
    answer: tuple[Any, str | None]
    try:
        answer = function(task), None
    except Exception:
        answer = None, traceback.format_exc()
    send.send(answer)


def _ended(running):
    """The workers that have answered or ended; waits for the first."""
    while True:
        ready = wait([end for worker in running for end in (worker.answer, worker.process.sentinel)], timeout=_LOOK)
        ended = [
            worker
            for worker in running
            if worker.answer in ready or worker.process.sentinel in ready or worker.process.exitcode is not None
        ]
        if ended:
            return ended


def _outcome(worker):
    """(value, error) of a worker that has answered or ended."""
    answer = None
    with contextlib.suppress(EOFError, OSError):
        if worker.answer.poll():
            answer = worker.answer.recv()
    worker.answer.close()
    worker.process.join()
    if answer is not None:
        return answer
    code = worker.process.exitcode or 0
    why = f"by signal {-code}, perhaps for lack of memory" if code < 0 else f"with code {code}"
    return None, f"the run's process ended {why}\n"
