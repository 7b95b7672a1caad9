"""A page from models, events and users: its data against the model, and what is wrong in one line."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.page.page_file import write_page


def data_of(path):
    (written,) = re.findall(r'id="data">(.*?)</script>', Path(path).read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(written)


@pytest.fixture
def write(shop, tmp_path):
    """Writes a page of u1 and u2 unless changed; returns its data and the account."""

    def go(*models, **changes):
        given = {"users": "u1,u2", "items": str(shop / "items.csv"), "k": 5, "layout": "pca", **changes}
        account = write_page(models, shop / "events.csv", out=tmp_path / "page.html", **given)
        return data_of(tmp_path / "page.html"), account

    return go


def tokens_of(data, numbers):
    return [data["items"]["tokens"][number] for number in numbers]


@pytest.mark.parametrize("name", ["MIND", "DIN_IaCN", "TiSASRec", "DIEN_IaCN"])
def test_histories_are_those_of_the_events_and_lists_the_models(of_model, write, clicks, name):
    model = of_model(name)
    data, account = write(model)
    assert [user[0]["user"] for user in data["users"]] == ["u1", "u2"] and data["times"] == "seconds"
    for (of_user,) in data["users"]:
        items, times = clicks[of_user["user"]]
        assert tokens_of(data, [click[0] for click in of_user["clicks"]]) == items[-6:]  # which the model reads
        assert [click[1] for click in of_user["clicks"]] == times[-6:] and of_user["older"] == max(len(items) - 6, 0)
        margins = np.frombuffer(base64.b64decode(of_user["edits"]["margins"]), "<f4")
        best = [of_user["edits"]["items"][at] for at in np.argsort(-margins, kind="stable")[:5]]
        user = {"user_id": [of_user["user"]]}
        expected = model.recommend([items], 5, times=[times], users=user)
        assert tokens_of(data, best) == expected["item_id"].tolist()
    assert data["items"]["names"][data["items"]["tokens"].index("i7")] == "Thing 7"
    assert data["items"]["columns"][-1]["name"] == "sort"
    assert account.users == 2 and account.size == len(Path(account.out).read_bytes()) and account.items == 40


def test_the_map_has_the_items_in_their_order(of_model, write):
    model = of_model("MIND")
    data, account = write(model)
    places = np.frombuffer(base64.b64decode(data["models"][0]["map"]["xy"]), "<u2").reshape(-1, 2) / 65535
    tokens, vectors = model.item_vectors()
    assert data["items"]["tokens"][:40] == tokens.tolist()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first = (unit - unit.mean(axis=0)) @ np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)[2][0]
    assert abs(np.corrcoef(first, places[:, 0])[0, 1]) > 0.9999
    assert account.maps == ["MIND, K = 4: principal components"]
    data, account = write(model, layout="none", limits=_over())
    assert data["models"][0]["map"] is None and account.items < 41 and data["items"]["columns"] == []


def test_two_models_stand_beside_each_other(of_model, write):
    off, full = of_model("DIN_IaCN", iacn_mode="off"), of_model("DIN_IaCN")
    data, _ = write(off, full)
    labels = [model["label"] for model in data["models"]]
    assert labels == ["DIN_IaCN, iacn_mode off, K = 0", "DIN_IaCN, iacn_mode full, K = 4"]
    assert [model["map"] is None for model in data["models"]] == [True, False]
    (plain, rich), *_ = data["users"]
    assert plain["interests"] == [] and rich["interests"] and plain["edits"]["belongs"] == []
    assert any("No interests are shown" in note for note in plain["notes"])


def test_two_of_one_kind_get_the_names_of_their_bundles(of_model, write):
    data, _ = write(of_model("MIND"), of_model("MIND"), names=["monday", "tuesday"])
    assert [model["label"] for model in data["models"]] == ["MIND, K = 4 (monday)", "MIND, K = 4 (tuesday)"]


def test_users_come_from_a_table_with_what_the_model_reads(of_model, write, shop, clicks):
    model = of_model("DIN_IaCN", user_fields=True)
    data, _ = write(model, users=str(shop / "users.csv"))
    assert [user[0]["user"] for user in data["users"]] == ["u2", "u1"]
    for age, (of_user,) in zip(["1", "2"], data["users"]):
        items, _ = clicks[of_user["user"]]
        margins = np.frombuffer(base64.b64decode(of_user["edits"]["margins"]), "<f4")
        about = {"user_id": [of_user["user"]], "age": [age]}
        probability = model.score([items], tokens_of(data, of_user["edits"]["items"]), users=about)[0]
        np.testing.assert_allclose(1 / (1 + np.exp(-margins.astype(float))), probability, rtol=1e-4)


def test_a_user_whose_clicks_are_unknown_has_an_empty_history(of_model, write):
    data, account = write(of_model("MIND"), users=["lost"])
    ((lost,),) = data["users"]
    assert lost["clicks"] == [] and lost["interests"] == [] and len(lost["edits"]["items"]) >= 5
    assert account.table.counts["users with an empty history"] == 1


def test_a_user_who_has_seen_everything_gets_nothing(of_model, tmp_path):
    events = pd.DataFrame({"user": "all", "item": [f"i{item}" for item in range(40)], "time": range(40)})
    write_page([of_model("MIND")], events, ["all"], tmp_path / "page.html", k=5, layout="none")
    ((of_user,),) = data_of(tmp_path / "page.html")["users"]
    assert of_user["edits"]["items"] == [] and len(of_user["clicks"]) == 6


def test_what_is_rounded_and_left_out_is_said(of_model, write):
    _, account = write(of_model("MIND"))
    lines = account.lines()
    assert re.fullmatch(r".*page\.html: 2 users, 40 items, 0\.\d\d MB", lines[0])
    assert "events.csv: 50 events" in lines[2] and "half float" in lines[-1]


def _over():
    from recbole_iacn.serving.tables.limits import Limits

    return Limits(overwrite=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"users": "u1,nobody,u2"}, "users: 'nobody' has no event in .*events.csv"),
        ({"users": "a,b,c,d"}, "users: 'a', 'b', 'c' and others have no event in"),
        ({"users": " , "}, "users: there is none; name them with commas between"),
        ({"users": "none.csv"}, "none.csv: No such file"),
        ({"users": "u1,u2,u3", "most": 2}, "users: 3 are more than the 2 that a page holds; .* --most 3"),
        ({"users": "TABLE", "most": 1}, "users: 2 are more than the 1 that a page holds; .* --most 2"),
        ({"most": 0}, "most: must be at least 1, got 0"),
        ({"layout": "umap"}, "map: must be one of auto, tsne, pca, none, got 'umap'"),
        ({"k": 41}, "k: must be a whole number from 1 to 40"),
        ({"title": "name"}, "title: .*items.csv has no column 'name'"),
        ({"user": "who"}, "user: .*events.csv has no column 'who'"),
    ],
)
def test_wrong_input_is_one_line_and_writes_nothing(of_model, write, shop, tmp_path, changes, message):
    if changes.get("users") == "TABLE":
        changes = {**changes, "users": str(shop / "users.csv")}
    with pytest.raises(ConfigError, match=message) as raised:
        write(of_model("MIND"), **changes)
    assert "\n" not in str(raised.value) and not list(tmp_path.glob("*.html")) and not list(tmp_path.glob(".*"))


def test_a_page_is_not_replaced_unless_asked(of_model, write, tmp_path):
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(ConfigError, match=r"out: .*page.html exists already; .* --overwrite"):
        write(of_model("MIND"))
    assert (tmp_path / "page.html").read_text() == "mine"


def test_a_page_ends_in_html(of_model, shop):
    with pytest.raises(ConfigError, match=r"out: page.pdf must end in .html"):
        write_page([of_model("MIND")], shop / "events.csv", "u1", "page.pdf")


def test_three_models_do_not_fit(of_model, shop):
    with pytest.raises(ConfigError, match="bundle: a page shows one model, or two side by side, got 3"):
        write_page([of_model("MIND")] * 3, shop / "events.csv", "u1", "page.html")
