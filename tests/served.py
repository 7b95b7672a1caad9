"""A service over a real socket, for tests: a model whose scores can be told by hand, a server in a thread, a client."""

import contextlib
import http.client
import json
import os
import subprocess
import threading
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.model_rows import Rows

TOKENS = np.array(["[PAD]", *"abcdefgh"])


class HandMade:
    """Items a to h; an item's score is its place in the alphabet, plus 10 where it follows the newest click.

    Args:
        boost (float): added to all scores, so that answers tell which model gave them.
    """

    def __init__(self, boost=0.0):
        self.boost = boost
        self.catalogue = SimpleNamespace(item="item_id", tokens={"item_id": TOKENS}, columns={})
        self.items = TOKENS[1:]
        self.batches = []  # histories that were scored at once
        self.hold = None  # an event to wait for, where a test needs a slow model
        self.entered = threading.Semaphore(0)

    def ids_of(self, tokens):
        known = {token: i for i, token in enumerate(TOKENS) if i}
        return np.array([known.get(token, 0) for token in tokens], dtype=np.int64)

    def rows(self, histories, times=None, users=None):
        if users is not None:
            raise ConfigError("users: this model reads no columns of users")
        ids = [self.ids_of(history) for history in histories]
        known = [row[row > 0] for row in ids]
        lengths = np.array([len(row) for row in known])
        padded = torch.zeros(len(ids), max(lengths.max(), 1), dtype=torch.int64)
        for row, items in zip(padded, known):
            row[: len(items)] = torch.from_numpy(items)
        unknown = Counter({"item_id": sum(map(len, ids)) - int(lengths.sum())})
        return Rows(Interaction({"item_id_list": padded}), np.arange(len(ids)), np.concatenate(known), lengths, unknown)

    def check_k(self, k, most):
        if k > most:
            raise ConfigError(f"k: must be from 1 to {most}, got {k}")

    def scores(self, rows):
        self.entered.release()
        if self.hold is not None:
            assert self.hold.wait(20)
        self.batches.append(len(rows))
        scores = torch.arange(len(TOKENS)).repeat(len(rows), 1).float() + self.boost
        for row, history in enumerate(rows.interaction["item_id_list"].tolist()):
            known = [item for item in history if item]
            if known == [8]:
                raise ZeroDivisionError("a fault of the model: h alone")
            if known and known[-1] + 1 < len(TOKENS):
                scores[row, known[-1] + 1] += 10
        scores[:, 0] = -torch.inf
        return scores

    def scores_of(self, rows, ids):
        return self.scores(rows).gather(1, torch.as_tensor(ids))

    def best(self, rows, k, exclude_seen=True, among_ids=None):
        scores = self.scores(rows)
        if among_ids is not None:
            others = torch.ones(len(TOKENS), dtype=torch.bool)
            others[torch.as_tensor(among_ids)] = False
            scores[:, others] = -torch.inf
        if exclude_seen:
            scores[rows.seen_pairs()] = -torch.inf
        values, ids = scores.topk(k)
        return ids.masked_fill(values == -torch.inf, 0), values


def served(boost=0.0, bundle="first", recommender=None):
    from recbole_iacn.serving.service.live import Served

    return Served(recommender or HandMade(boost), None, {"model": "HandMade", "bundle": bundle, "items": "8"})


@contextlib.contextmanager
def running(app, grace=5):
    """The port at which an application is served, by uvicorn in a thread."""
    import uvicorn

    from recbole_iacn.serving.service.server import configured, listen

    with contextlib.closing(listen("127.0.0.1", 0)) as connection:
        server = uvicorn.Server(configured(app, grace))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [connection]}, daemon=True)
        thread.start()
        try:
            yield connection.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@contextlib.contextmanager
def process(command, paths):
    """A process that is ended with the block, however it ends; its standard output is text."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as started:
        try:
            yield started
        finally:
            started.kill()


def ask(port, path, body=None, token=None, method=None, headers=None, raw=None):
    """(status, JSON or text) of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sent = {"Content-Type": "application/json"} if body is not None or raw is not None else {}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    content = raw if raw is not None else None if body is None else json.dumps(body)
    with contextlib.closing(connection):
        connection.request(method or ("GET" if content is None else "POST"), path, content, sent | (headers or {}))
        response = connection.getresponse()
        text = response.read().decode()
    is_json = response.headers.get("content-type", "").startswith("application/json")
    return response.status, json.loads(text) if is_json else text


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)
