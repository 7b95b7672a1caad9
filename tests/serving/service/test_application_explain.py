"""Explanations, the search for items and the page, over a real socket."""

import json
import re

import pandas as pd
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")
from served import ask, running

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.service.application import application
from recbole_iacn.serving.service.opening import opener
from recbole_iacn.serving.service.request_limits import Limits
from recbole_iacn.serving.service.secret import Secret

pytestmark = pytest.mark.slow
TOKEN = "sesame-sesame-sesame"
HISTORIES = [["i1", "i2", "nothing"], ["i5"] * 9, []]


@pytest.fixture(scope="module")
def folder(settings_of, tmp_path_factory):
    """Bundles of two models, and a table of titles."""
    folder = tmp_path_factory.mktemp("bundles")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        for name in ("MIND", "DIN_IaCN"):
            recbole_iacn.build(name, "tiny", config_dict=settings_of()).save(folder / name)
    titles = {"id": [f"i{n}" for n in range(40)], "title": [f"Film {n}" for n in range(40)]}
    pd.DataFrame(titles | {"image": ["http://a.org/1.jpg"] * 40}).to_csv(folder / "films.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def port(folder):
    load = opener(folder / "MIND", items={"items": folder / "films.csv"})
    with running(application(load, limits=Limits(changes=60))) as port:
        yield port


def test_the_answer_is_the_recommenders(folder, port):
    status, answer = ask(port, "/explain", {"histories": HISTORIES, "k": 3})
    assert status == 200 and answer["unknown"] == {"item_id": 1} and answer["bundle"]
    wanted = recbole_iacn.load(folder / "MIND").explain(HISTORIES, k=3, items=folder / "films.csv")
    assert answer["explanations"] == json.loads(json.dumps([one.as_dict() for one in wanted]))
    first = answer["explanations"][0]
    assert first["clicks"][0]["of"] == {"item": "i1", "name": "Film 1", "picture": "http://a.org/1.jpg"}
    assert first["edits"] is None and first["items"][0]["reasons"]


def test_edits_and_items_to_choose_from(port):
    body = {"histories": [["i1", "i2"]], "k": 2, "edits": True, "among": ["i3", "i4", "what"]}
    answer = ask(port, "/explain", body)[1]
    (found,) = answer["explanations"]
    assert set(found["edits"]["items"]) == {"i3", "i4"} == {item["of"]["item"] for item in found["items"]}
    assert len(found["edits"]["without_click"]) == 2 and answer["unknown"] == {"among": 1}
    (found,) = ask(port, "/explain", body | {"among": ["what", "not"]})[1]["explanations"]
    assert found["items"] == [] and found["edits"]["items"] == [] and len(found["clicks"]) == 2


@pytest.mark.parametrize(
    ("body", "line"),
    [
        # Six clicks are read of nine; beside them count the history as it is, an empty one, and 20 additions.
        ({"histories": [["i1"] * 9] * 3, "edits": True}, "histories: at most 60 per request, got 84 (--max-changes)"),
        ({"histories": [["i1"]] * 21}, "histories: at most 60 per request, got 63 (--max-changes)"),
        ({"histories": [[]], "k": 0}, "k: must be at least 1, got 0"),
        ({"histories": [[]], "k": 99}, "k: must be a whole number from 1 to 40, the number of items to choose from"),
        ({"histories": [[]], "edit": True}, "edit: is not a key of this request. Did you mean 'edits'?"),
        ({"histories": [[]], "edits": 1}, "edits: must be true or false, got 1"),
    ],
)
def test_requests_that_are_rejected(port, body, line):
    status, answer = ask(port, "/explain", body)
    assert status == 422 and answer["error"].startswith(line)


def test_a_pipeline_explains_what_it_recommends(folder):
    with running(application(opener(folder / "DIN_IaCN", folder / "MIND", candidates=5))) as port:
        histories = [["i1", "i2", "i3"], []]
        explained = ask(port, "/explain", {"histories": histories, "k": 4})[1]["explanations"]
        recommended = ask(port, "/recommend", {"histories": histories, "k": 4})[1]["recommendations"]
        for found, wanted in zip(explained, recommended):
            assert [item["of"]["item"] for item in found["items"]] == wanted["items"]
            assert [item["score"] for item in found["items"]] == pytest.approx(wanted["scores"])
        assert explained[0]["model"] == "DIN_IaCN"


def test_items_are_found_by_their_names(port):
    status, answer = ask(port, "/items?query=film%201&count=3")
    assert status == 200 and answer["bundle"]
    first = {"item": "i1", "name": "Film 1", "picture": "http://a.org/1.jpg"}
    assert answer["items"][0] == first and len(answer["items"]) == 3
    assert all(re.fullmatch(r"Film 1\d", one["name"]) for one in answer["items"][1:])
    assert ask(port, "/items?query=i7")[1]["items"][0]["item"] == "i7"
    assert ask(port, "/items?query=nowhere")[1]["items"] == ask(port, "/items?query=")[1]["items"] == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/items", "query: is missing; send a part of an item's name, as in /items?query=toy"),
        (f"/items?query={'x' * 201}", "query: at most 200 characters, got 201"),
        ("/items?query=a&count=0", 'count: must be a whole number from 1 to 100, got "0"'),
        ("/items?query=a&count=101", "count: must be a whole number from 1 to 100"),
        ("/items?queri=a", "queri: is not a key of this request. Did you mean 'query'?"),
    ],
)
def test_searches_that_are_rejected(port, path, line):
    status, answer = ask(port, path)
    assert status == 422 and answer["error"].startswith(line)


def test_the_page_needs_no_token_and_the_data_do(folder):
    with running(application(opener(folder / "MIND"), Secret(TOKEN))) as port:
        status, page = ask(port, "/")
        assert status == 200 and page.lstrip().startswith("<!DOCTYPE html>")
        assert "i1" not in re.findall(r"\bi\d+\b", page)  # no item
        assert ask(port, "/items?query=i1")[0] == 401
        assert ask(port, "/explain", {"histories": [["i1"]]})[0] == 401
        assert ask(port, "/items?query=i1", token=TOKEN)[0] == 200
        assert ask(port, "/explain", {"histories": [["i1"]], "k": 2}, token=TOKEN)[0] == 200


def test_the_page_may_run_its_own_script_alone(port):
    import base64
    import hashlib
    import http.client
    from contextlib import closing

    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/")
        response = connection.getresponse()
        headers, page = response.headers, response.read().decode()
    assert headers["content-type"].startswith("text/html") and headers["x-content-type-options"] == "nosniff"
    rules = dict(rule.strip().partition(" ")[::2] for rule in headers["content-security-policy"].split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["connect-src"] == "'self'"
    for kind in ("script", "style"):
        # A script of a type that is no language is data.
        inline = re.findall(rf"<{kind}(?![^>]*application/json)[^>]*>(.*?)</{kind}>", page, re.DOTALL)
        digests = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inline}
        assert inline and digests == set(rules[f"{kind}-src"].split())


def test_a_table_that_cannot_be_read_is_said_at_the_start(folder):
    with pytest.raises(ConfigError, match=r"title: .* has no column 'nom'"):
        opener(folder / "MIND", items={"items": folder / "films.csv", "title": "nom"})()
    with pytest.raises(ConfigError, match="title: is a column of a table of items, and there is none"):
        opener(folder / "MIND", items={"items": None, "title": "nom"})()
