"""The service over a real socket, several clients at once; scores are told by hand (tests/served.py)."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")
from served import HandMade, ask, running, served, wait_until

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.service.application import application
from recbole_iacn.serving.service.request_limits import Limits
from recbole_iacn.serving.service.secret import Secret

TOKEN = "sesame-sesame-sesame"


@pytest.fixture(scope="module")
def port():
    """Of a service without a token."""
    with running(application(served)) as port:
        yield port


def test_the_best_items_of_each_history(port):
    """After b comes c; then h, g, f. What was seen is left out."""
    status, answer = ask(port, "/recommend", {"histories": [["a", "b"], []], "k": 3})
    assert status == 200
    assert answer["recommendations"] == [
        {"items": ["c", "h", "g"], "scores": [13.0, 8.0, 7.0]},
        {"items": ["h", "g", "f"], "scores": [8.0, 7.0, 6.0]},
    ]
    assert answer["bundle"] == "first"


def test_seen_items_may_be_kept(port):
    body = {"histories": [["h", "g"]], "k": 2, "exclude_seen": False}
    assert ask(port, "/recommend", body)[1]["recommendations"] == [{"items": ["h", "g"], "scores": [18.0, 7.0]}]


def test_fewer_than_k_where_no_more_are_left(port):
    """Among a, b and one that is unknown, b is seen: a alone is left."""
    answer = ask(port, "/recommend", {"histories": [["b"]], "k": 3, "among": ["a", "b", "zz"]})[1]
    assert answer["recommendations"] == [{"items": ["a"], "scores": [1.0]}]
    assert answer["unknown"] == {"among": 1}


def test_the_usual_k_fits_what_there_is_to_choose_from(port):
    """The model has eight items, and ten are the usual number; a k that is sent must be possible."""
    answer = ask(port, "/recommend", {"histories": [["b"]], "among": ["a", "c", "zz"]})[1]
    assert answer["recommendations"] == [{"items": ["c", "a"], "scores": [13.0, 1.0]}]
    assert len(ask(port, "/recommend", {"histories": [[]]})[1]["recommendations"][0]["items"]) == 8
    status, answer = ask(port, "/recommend", {"histories": [["b"]], "among": ["a", "c", "zz"], "k": 10})
    assert status == 422 and answer["error"] == "k: must be from 1 to 3, got 10"


def test_unknown_tokens_are_counted_in_the_answer(port):
    answer = ask(port, "/recommend", {"histories": [["zz", "a"], ["yy", "xx"]], "k": 1})[1]
    assert answer["unknown"] == {"item_id": 3}
    assert [row["items"] for row in answer["recommendations"]] == [["b"], ["h"]]


def test_numbers_are_tokens(port):
    """1 is the token "1", which is unknown here."""
    assert ask(port, "/recommend", {"histories": [[1, "a"]], "k": 1})[1]["unknown"] == {"item_id": 1}


def test_scores_of_one_list_and_of_a_list_per_history(port):
    """null for an unknown item, which JSON has no number for."""
    one = ask(port, "/score", {"histories": [["a"], ["b"]], "items": ["b", "zz", "c"]})
    assert one == (
        200,
        {"scores": [[12.0, None, 3.0], [2.0, None, 13.0]], "unknown": {"items": 1}, "bundle": "first"},
    )
    several = ask(port, "/score", {"histories": [["a"], ["b"]], "items": [["b"], ["c", "a"]]})
    assert several[1]["scores"] == [[12.0], [13.0, 1.0]]


WRONG = {
    "k of 0": ({"histories": [["a"]], "k": 0}, "k: must be at least 1, got 0"),
    "k above the catalogue": ({"histories": [["a"]], "k": 9}, "k: must be from 1 to 8, got 9"),
    "k of another type": ({"histories": [["a"]], "k": "3"}, 'k: must be a whole number, got "3"'),
    "no histories": ({"k": 3}, "histories: is missing"),
    "an empty list": ({"histories": []}, "histories: must not be empty"),
    "one history, not a list of them": (
        {"histories": ["a", "b"]},
        'histories[0]: must be a list, got "a"',
    ),
    "a click that is no token": (
        {"histories": [["a"], ["b", 1.5]]},
        "histories[1][1]: must be a string or a whole number, got 1.5",
    ),
    "a click that is true": (
        {"histories": [[True]]},
        "histories[0][0]: must be a string or a whole number, got true",
    ),
    "a misspelt key": (
        {"histories": [["a"]], "exclude_sen": True},
        "exclude_sen: is not a key of this request. Did you mean 'exclude_seen'? "
        "Keys: histories, times, users, k, exclude_seen, among",
    ),
    "no object": ([1], "body: must be a JSON object with the keys histories, times, users, k, exclude_seen, among"),
    "times of another length": (
        {"histories": [["a", "b"]], "times": [[1.0]]},
        "times: must have one list per history, with one number per click",
    ),
    "what the model does not read": (
        {"histories": [["a"]], "users": ["u"], "k": 1},
        "users: this model reads no columns of users",
    ),
    "a user's value of no type": (
        {"histories": [["a"]], "users": {"age": [True]}},
        "users[age][0]: must be a string or a whole number or a number or a list, got true",
    ),
    "a list of tokens with a number in it": (
        {"histories": [["a"]], "users": {"likes": [["x", 1.5]]}},
        "users[likes][0][1]: must be a string or a whole number, got 1.5",
    ),
    "an endless k": ({"histories": [["a"]], "k": 10**4_000}, "k: at most 1,000 per request, got far more (--max-k)"),
    "an endless k below 0": (
        {"histories": [["a"]], "k": -(10**4_000)},
        f"k: must be at least 1, got -1{'0' * 35}...",
    ),
    "users of another number": (
        {"histories": [["a"]], "users": {"age": [1, 2]}},
        "age: must have one value per history, got 2 of 1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_line(port, case):
    body, line = WRONG[case]
    assert ask(port, "/recommend", body) == (422, {"error": line})


def test_a_list_for_a_column_of_single_values():
    model = HandMade()
    model.catalogue.columns = {"income": SimpleNamespace(kind="float"), "likes": SimpleNamespace(kind="token_seq")}
    with running(application(lambda: served(recommender=model))) as port:
        for name, line in (
            ("income", "users: 'income' has one value per history, got a list"),
            ("likes", "users: this model reads no columns of users"),  # as the model itself says, later
        ):
            body = {"histories": [["a"]], "users": {name: [["x"]]}, "k": 1}
            assert ask(port, "/recommend", body) == (422, {"error": line})


def test_malformed_json_is_one_line(port):
    status, answer = ask(port, "/recommend", raw='{"histories": [["a"]')
    assert status == 422 and answer["error"].startswith("body: is not valid JSON (")
    assert ask(port, "/recommend", raw="")[0] == 422
    line = "body: cannot be read; it must be JSON in UTF-8, not deeply nested, with numbers of at most 4,300 digits"
    for raw in ("[" * 100_000, '{"k": 1' + "0" * 5_000 + "}", b'{"histories": [["\xe9"]]}'):
        assert ask(port, "/recommend", raw=raw) == (400, {"error": line})
    assert ask(port, "/recommend", raw='{"histories": [["\\ud800"]], "k": 1}')[0] == 200  # a token, if an odd one
    assert ask(port, "/recommend", raw='{"histories": [["a"]], "\\ud800": 1}')[0] == 422


def test_paths_and_methods_that_there_are_not(port):
    status, answer = ask(port, "/recomend")
    assert status == 404 and answer["error"].startswith("/recomend: is not a path of this service; there are /recomm")
    assert ask(port, "/recommend") == (405, {"error": "GET: /recommend does not take it"})
    assert len(ask(port, "/" + "a" * 10_000)[1]["error"]) < 300


def test_no_client_is_sent_elsewhere(port):
    """A redirect would go to the host that the request names, and a client would send its token there."""
    assert ask(port, "/recommend/", {"histories": [["a"]]}, headers={"Host": "elsewhere.example"})[0] == 404


def test_among_items_that_are_all_unknown(port):
    status, answer = ask(port, "/recommend", {"histories": [["b"], []], "k": 1, "among": ["yy", "zz"]})
    assert (status, answer["unknown"]) == (200, {"among": 2})
    assert answer["recommendations"] == [{"items": [], "scores": []}] * 2


def test_scores_that_are_not_finite_are_said(port):
    """JSON has no number for them."""
    with running(application(lambda: served(float("nan")))) as other:
        status, answer = ask(other, "/recommend", {"histories": [["b"]], "k": 1})
    assert status == 422 and answer["error"].startswith("users: a number among the columns is too large for the model")


def test_a_fault_of_the_model_shows_the_client_nothing(port, caplog):
    assert ask(port, "/recommend", {"histories": [["h"]], "k": 1}) == (
        500,
        {"error": "internal error; the service's log has the details"},
    )
    assert "ZeroDivisionError" in caplog.text  # the trace is in the log


def test_limits():
    limits = Limits(body=2_000, histories=2, history=3, k=4, items=2, scores=3)
    with running(application(served, limits=limits)) as port:
        for path, body, line in (
            ("/recommend", {"histories": [["a"]] * 3}, "histories: at most 2 per request, got 3 (--max-histories)"),
            ("/recommend", {"histories": [["a"] * 4]}, "histories: at most 3 per request, got 4 (--max-history)"),
            ("/recommend", {"histories": [["a"]], "k": 5}, "k: at most 4 per request, got 5 (--max-k)"),
            (
                "/recommend",
                {"histories": [["a"]], "among": ["a"] * 3, "k": 1},
                "among: at most 2 per request, got 3 (--max-items)",
            ),
            ("/score", {"histories": [["a"]], "items": ["a"] * 3}, "items: at most 2 per request, got 3 (--max-items)"),
            (
                "/score",
                {"histories": [["a"], ["b"]], "items": ["a", "b"]},
                "items times histories: at most 3 per request, got 4 (--max-scores)",
            ),
        ):
            assert ask(port, path, body) == (422, {"error": line})
        assert ask(port, "/recommend", {"histories": [["a"] * 3], "k": 4})[0] == 200  # the limits themselves


def test_several_clients_at_once_get_their_own_answers():
    """32 clients, each with its own histories and k: none gets another's."""
    histories = ["a", "b", "c", "d", "e", "f", "g"]
    model = HandMade()
    with running(application(lambda: served(recommender=model))) as port, ThreadPoolExecutor(32) as clients:

        def client(number):
            click, k = histories[number % 7], 1 + number % 4
            answer = ask(port, "/recommend", {"histories": [[click]], "k": k})[1]
            (row,) = answer["recommendations"]
            return row["items"][0] == chr(ord(click) + 1) and len(row["items"]) == k

        assert all(clients.map(client, range(200)))
    assert sum(model.batches) == 200


def test_waiting_requests_are_scored_together_and_one_fault_is_one_clients():
    model = HandMade()
    model.hold = threading.Event()
    app = application(lambda: served(recommender=model))
    with running(app) as port, ThreadPoolExecutor(8) as clients:
        first = clients.submit(ask, port, "/recommend", {"histories": [["a"]], "k": 1})
        assert model.entered.acquire(timeout=20)  # the model is busy
        bodies = [{"histories": [[click]], "k": 1} for click in "bchd"] + [
            {"histories": [["a"]], "users": ["u"], "k": 1}
        ]
        others = [clients.submit(ask, port, "/recommend", body) for body in bodies]
        wait_until(lambda: "waiting_requests 5.0" in ask(port, "/metrics")[1])
        model.hold.set()
        answers = [one.result() for one in others]
    assert first.result()[0] == 200
    assert [status for status, _ in answers] == [200, 200, 500, 200, 422]
    assert [answers[i][1]["recommendations"][0]["items"] for i in (0, 1, 3)] == [["c"], ["d"], ["e"]]


def test_no_more_histories_are_scored_together_than_may():
    model = HandMade()
    model.hold = threading.Event()
    with running(application(lambda: served(recommender=model), batch=3)) as port, ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(ask, port, "/recommend", {"histories": [["a"]], "k": 1})]
        assert model.entered.acquire(timeout=20)  # the model is busy
        asked += [clients.submit(ask, port, "/recommend", {"histories": [["a"]] * 2, "k": 1}) for _ in range(4)]
        wait_until(lambda: "waiting_requests 4.0" in ask(port, "/metrics")[1])
        model.hold.set()
        assert {one.result()[0] for one in asked} == {200}
    assert model.batches == [1, 2, 2, 2, 2]


def test_more_may_not_wait():
    model = HandMade()
    model.hold = threading.Event()
    app = application(lambda: served(recommender=model), limits=Limits(waiting=1))
    with running(app) as port, ThreadPoolExecutor(2) as clients:
        body = {"histories": [["a"]], "k": 1}
        first = clients.submit(ask, port, "/recommend", body)
        assert model.entered.acquire(timeout=20)
        assert "waiting_requests 0.0" in ask(port, "/metrics")[1]  # the model has it
        second = clients.submit(ask, port, "/recommend", body)
        wait_until(lambda: "waiting_requests 1.0" in ask(port, "/metrics")[1])
        assert ask(port, "/recommend", body) == (
            503,
            {"error": "busy: 1 requests are waiting already (--max-waiting); try later"},
        )
        assert ask(port, "/health")[0] == 200  # the event loop is free while the model works
        model.hold.set()
        assert first.result()[0] == second.result()[0] == 200


def test_what_does_not_end_in_time_is_told_so(caplog):
    """A service that ends waits for --grace, and then answers what is left by one line, without a trace."""
    with running(application(served), grace=1) as port:
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        connection.sendall(HEAD + b"Content-Length: 500\r\n\r\n{")
        wait_until(lambda: "requests_total" in ask(port, "/metrics")[1])
    with connection:
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 503") and b'{"error":"ended: the service is ending' in answer
    assert "Traceback" not in caplog.text


def test_a_token_is_asked_for_but_by_health():
    with running(application(served, Secret(TOKEN))) as port:
        body = {"histories": [["a"]], "k": 1}
        line = {"error": "token: is missing or wrong; send Authorization: Bearer TOKEN"}
        for token in (None, TOKEN[:-1], TOKEN + "x", "ü"):
            assert ask(port, "/recommend", body, token.encode().decode("latin-1") if token else None) == (401, line)
        assert ask(port, "/recommend", body, headers={"Authorization": f"Basic {TOKEN}"}) == (401, line)
        assert [ask(port, path)[0] for path in ("/metrics", "/openapi.json", "/nothing")] == [401] * 3
        assert ask(port, "/reload", {}) == (401, line)
        assert ask(port, "/recommend", body, TOKEN)[0] == 200
        assert ask(port, "/health") == (200, {"status": "ok"})
        known = ask(port, "/health", token=TOKEN)[1]
        assert known["bundle"] == "first" and known["reload_failure"] is None


def test_metrics_count(port):
    def value(name):
        text = ask(port, "/metrics")[1]
        return float(next((line.split()[-1] for line in text.splitlines() if line.startswith(name)), 0))

    names = (
        'recbole_iacn_requests_total{path="/recommend",status="200"}',
        'recbole_iacn_requests_total{path="/recommend",status="422"}',
        'recbole_iacn_requests_total{path="other",status="404"}',
        'recbole_iacn_unknown_total{kind="item_id"}',
    )
    before = [value(name) for name in names]
    ask(port, "/recommend", {"histories": [["zz", "yy"]], "k": 1})
    ask(port, "/recommend", {"histories": []})
    ask(port, "/nothing")
    assert [value(name) - old for name, old in zip(names, before)] == [1, 1, 1, 2]


def test_a_reload_under_load_loses_no_request():
    """Two models: the second adds 100. Every answer is of one of them, whole, and says which."""
    models = iter([served(), *(served(100.0 * i, f"bundle {i}") for i in range(1, 6))])
    ended = threading.Event()

    with running(application(lambda: next(models), Secret(TOKEN))) as port, ThreadPoolExecutor(8) as clients:
        ask_with = {"Authorization": f"Bearer {TOKEN}"}

        def client(port=port):
            answers = []
            while not ended.is_set():
                answers.append(ask(port, "/recommend", {"histories": [["a"]], "k": 2}, headers=ask_with))
            return answers

        futures = [clients.submit(client) for _ in range(6)]
        names = [ask(port, "/reload", {}, TOKEN)[1]["bundle"] for _ in range(5)]
        last = ask(port, "/recommend", {"histories": [["a"]], "k": 2}, TOKEN)[1]
        ended.set()
        answers = [answer for future in futures for answer in future.result()]
    assert names == [f"bundle {i}" for i in range(1, 6)] and last["bundle"] == "bundle 5"
    assert {status for status, _ in answers} == {200}
    boost = {"first": 0.0, **{f"bundle {i}": 100.0 * i for i in range(1, 6)}}
    for _, answer in answers:
        added = boost[answer["bundle"]]
        assert answer["recommendations"] == [{"items": ["b", "h"], "scores": [12.0 + added, 8.0 + added]}]


def test_a_broken_bundle_leaves_the_old_one_serving():
    faults = iter([None, ConfigError("weights.safetensors: does not match its SHA-256"), KeyError("model"), None])

    def load():
        fault = next(faults)
        if fault is not None:
            raise fault
        return served()

    with running(application(load, Secret(TOKEN))) as port:
        for reason in ("weights.safetensors: does not match its SHA-256", "KeyError: 'model'"):
            line = f"reload: {reason}; bundle first is still served"
            assert ask(port, "/reload", {}, TOKEN) == (409, {"error": line})
            assert ask(port, "/health", token=TOKEN)[1]["reload_failure"] == reason
            assert ask(port, "/recommend", {"histories": [["a"]], "k": 1}, TOKEN)[0] == 200
        assert ask(port, "/reload", {}, TOKEN)[0] == 200
        assert ask(port, "/health", token=TOKEN)[1]["reload_failure"] is None


def test_without_a_token_nobody_reloads(port):
    line = "reload: needs a token; start the service with --token-file, or send it SIGHUP"
    assert ask(port, "/reload", {}) == (403, {"error": line})


def test_the_schema_names_the_paths(port):
    assert set(ask(port, "/openapi.json")[1]["paths"]) == {
        *("/recommend", "/score", "/interests", "/explain", "/items", "/", "/health", "/metrics", "/reload"),
    }


def raw_answer(port, data, pause=None):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in data:
            connection.sendall(part)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


HEAD = b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
TOO_LARGE = {"error": "body: at most 1,000 bytes (--max-body); send fewer histories per request"}


def test_an_oversized_body():
    with running(application(served, limits=Limits(body=1_000, seconds=0.3))) as port:
        assert ask(port, "/recommend", {"histories": [["a" * 1_100]]}) == (413, TOO_LARGE)
        assert ask(port, "/recommend", {"histories": [["a" * 100_000]]}) == (413, TOO_LARGE)
        # Its length is not announced: the first 1,000 bytes are read, and no more are kept.
        chunks = [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"400\r\n" + b"a" * 1024 + b"\r\n"] * 3, b"0\r\n\r\n"]
        assert raw_answer(port, chunks) == (413, TOO_LARGE)
        # It is announced, and never comes: the answer does not wait.
        assert raw_answer(port, [HEAD + b"Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n"]) == (413, TOO_LARGE)
        # A small one that never ends.
        assert raw_answer(port, [HEAD + b"Content-Length: 500\r\n\r\n{"]) == (
            408,
            {"error": "body: did not arrive within 0.3 s"},
        )


def test_a_form_of_another_site_is_refused(port):
    """A browser sends text or forms to other sites without asking, JSON it does not."""
    body = json.dumps({"histories": [["a"]], "k": 1})
    assert ask(port, "/recommend", raw=body, headers={"Content-Type": "text/plain"}) == (
        415,
        {"error": "Content-Type: must be application/json"},
    )
