"""How long a request's head may be, and may take, over a real socket."""

import socket
import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httptools")
pytest.importorskip("prometheus_client")
from served import running, served

from recbole_iacn.serving.service.application import application
from recbole_iacn.serving.service.request_limits import Limits

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n"
BODY = b'{"histories": [["a"]], "k": 1}'
RECOMMEND = (
    b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n" + BODY
)


@pytest.fixture(scope="module")
def port():
    with running(application(served, limits=Limits(seconds=0.5))) as port:
        yield port


def all_of(connection):
    answer = b""
    while part := connection.recv(65536):
        answer += part
    return answer


def answer_to(port, *parts):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.01)
        return all_of(connection)


def test_a_head_that_does_not_end_is_cut_off(port):
    """Without it, whoever reaches the port could fill the memory, also without a token."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(HEALTH + b"X: ")
        with pytest.raises(ConnectionError):
            for _ in range(1_000):
                connection.sendall(b"a" * 100_000)


def test_a_long_head_is_read(port):
    head = HEALTH + b"X: " + b"a" * 60_000 + b"\r\nConnection: close\r\n\r\n"
    assert answer_to(port, head).startswith(b"HTTP/1.1 200")
    assert answer_to(port, *(head[i : i + 7_000] for i in range(0, len(head), 7_000))).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("part", [b"GET /hea", HEALTH], ids=["line", "header"])
def test_a_head_that_does_not_come_is_not_waited_for(port, part):
    start = time.monotonic()
    answer = answer_to(port, part)
    assert answer.startswith(b"HTTP/1.1 400") and answer.endswith(b"head: did not arrive within 0.5 s")
    assert 0.4 < time.monotonic() - start < 10


def test_a_connection_without_a_request_is_closed(port):
    assert answer_to(port, b"") == b""


def test_the_second_request_of_a_connection_is_bounded_too(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(RECOMMEND)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"POST /rec")
        assert all_of(connection).endswith(b"head: did not arrive within 0.5 s")


def test_many_requests_at_once_are_no_long_head(port):
    """Half a megabyte of whole requests, one after another without waiting, in parts that end anywhere."""
    data = RECOMMEND * 3_000 + RECOMMEND.replace(b"Host: x", b"Host: x\r\nConnection: close")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.settimeout(20)
        connection.sendall(data)
        assert all_of(connection).count(b"HTTP/1.1 200") == 3_001


def test_a_websocket_is_not_opened(port):
    """It would pass the gate, which knows HTTP alone."""
    upgrade = b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    answer = answer_to(port, HEALTH + upgrade + b"Sec-WebSocket-Key: eA==\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"}")
