"""Columns that two files share, and users, items and times of a type that cannot be read."""

from pathlib import Path

import pytest

import recbole_iacn
from recbole_iacn.errors import ConfigError

LOAD = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}


@pytest.fixture
def retyped(data_path, tmp_path, settings):
    """Builds a model on the small data with one header changed."""

    def make(suffix, before, after, model="DIN_IaCN", **changes):
        folder = tmp_path / "files" / "tiny"
        folder.mkdir(parents=True, exist_ok=True)
        for path in Path(data_path, "tiny").iterdir():
            text = path.read_text()
            (folder / path.name).write_text(text.replace(before, after, 1) if path.suffix == f".{suffix}" else text)
        given = settings(data_path=str(folder.parent), **{"load_col": LOAD, **changes})
        return recbole_iacn.build(model, "tiny", config_dict=given)

    return make


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN", "WideDeep"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("inter", "user_id:token", "user_id:float"),
            "USER_ID_FIELD: 'user_id' must be of type token, and tiny.inter types",
        ),
        (
            ("item", "item_id:token", "item_id:token_seq"),
            "ITEM_ID_FIELD: 'item_id' must be of type token, and tiny.item",
        ),
        (
            ("inter", "timestamp:float", "timestamp:token"),
            "tiny.inter, line 1: 'timestamp' .TIME_FIELD. is of type token",
        ),
    ],
)
def test_users_items_and_times_have_one_type(retyped, model, change, message):
    with pytest.raises(ConfigError, match=message.replace(".", r"\.").replace(r"\.TIME_FIELD\.", r"\(TIME_FIELD\)")):
        retyped(*change, model=model)


def test_a_column_of_two_files_is_named_and_the_mends_work(retyped):
    change = ("item", "categories:token_seq", "rating:token_seq")
    load = {"inter": ["user_id", "item_id", "timestamp", "rating"], "item": ["item_id", "rating"]}
    message = r"load_col: 'rating' is loaded from tiny\.inter and from tiny\.item; leave it out of one of them"
    with pytest.raises(ConfigError, match=message):
        retyped(*change, load_col=load)
    assert (
        retyped(*change, load_col={**load, "inter": load["inter"][:3]}).dataset.field2source["rating"].value == "item"
    )
    only_inter = retyped(*change, load_col={"inter": load["inter"]})
    assert only_inter.dataset.field2source["rating"].value == "inter"


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep"])
@pytest.mark.parametrize("changes", [{"LABEL_FIELD": "rating"}, {"threshold": {"rating": 4}}])
def test_what_labels_come_from_is_no_feature(settings, model, changes):
    """It would tell a model the answer."""
    load = {"load_col": {**LOAD, "inter": [*LOAD["inter"], "rating"]}}
    with pytest.raises(ConfigError, match=r"numerical_features: 'rating' is what the labels come from .* leave it out"):
        recbole_iacn.build(
            model,
            "tiny",
            config_dict=settings(**load, **changes, numerical_features=["rating"], protocol="impressions_by_time"),
        )
