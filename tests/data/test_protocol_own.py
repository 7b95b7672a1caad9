"""Protocols of one's own."""

import pytest

import recbole_iacn
from recbole_iacn import ConfigError, Protocol
from recbole_iacn.data.protocol import PROTOCOLS


@pytest.fixture(autouse=True)
def protocols():
    before = dict(PROTOCOLS)
    yield PROTOCOLS
    PROTOCOLS.clear()
    PROTOCOLS.update(before)


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN"])
def test_rows_are_split_as_it_says_for_every_model(build, model):
    """480 rows with a history: all but the newest 30 % train, of these a third validates."""
    recbole_iacn.add_protocol("newest", Protocol.scored({"RS": [0.7, 0.1, 0.2]}, None, MAX_ITEM_LIST_LENGTH=4))
    config, train, valid, test, _ = build(model, protocol="newest", MAX_ITEM_LIST_LENGTH=...)
    sizes = [len(loader._dataset) for loader in (train, valid, test)]
    assert sum(sizes) == 480 and sizes == [336, 48, 96]
    times = [loader._dataset.inter_feat["timestamp"] for loader in (train, valid, test)]
    assert times[0].max() <= times[1].min() and times[1].max() <= times[2].min()
    assert config["MAX_ITEM_LIST_LENGTH"] == 4
    with pytest.raises(ConfigError, match="MAX_ITEM_LIST_LENGTH: protocol 'newest' fixes it to 4"):
        build(model, protocol="newest", MAX_ITEM_LIST_LENGTH=5)


def test_ranked_among_fixed_items(build):
    recbole_iacn.add_protocol("few", Protocol.ranked({"LS": "valid_and_test"}, sampled=True))
    changes = {"protocol": "few", "mlp_hidden_size": ..., "topk": [5], "eval_negatives": 7}
    *_, test, _ = build("MIND", **changes)
    assert test.candidates.shape == (60, 7)


def test_earlier_clicks_are_masked_for_last_items_alone(build):
    """What was clicked before is found by counting from a user's end, which another split would make something else."""
    recbole_iacn.add_protocol("by_share", Protocol.ranked({"RS": [0.6, 0.2, 0.2]}))
    changes = {"protocol": "by_share", "mlp_hidden_size": ..., "topk": [5]}
    build("MIND", **changes)
    with pytest.raises(ConfigError, match="mask_history: counts back from a user's last item, and protocol 'by_share'"):
        build("MIND", **changes, mask_history=True)


@pytest.mark.parametrize(
    ("name", "protocol", "message"),
    [
        ("mine", {"eval_args": {}}, "add_protocol: mine: {'eval_args': {}} is not a recbole_iacn.Protocol"),
        ("dien_books", Protocol.ranked({"LS": "valid_only"}), "add_protocol: the name 'dien_books' is taken"),
        ("my own", Protocol.ranked({"LS": "valid_only"}), "must be an identifier, such as my_own, got 'my own'"),
    ],
)
def test_what_cannot_be_added_is_one_line(protocols, name, protocol, message):
    before = dict(protocols)
    with pytest.raises(ConfigError) as told:
        recbole_iacn.add_protocol(name, protocol)
    assert message in str(told.value) and "\n" not in str(told.value) and dict(protocols) == before


def test_other_negatives_are_rejected():
    with pytest.raises(ConfigError, match="negatives: must be uniform or popularity, got 'hard'"):
        Protocol.scored({"LS": "valid_only"}, negatives="hard")


def test_a_protocol_may_be_defined_again(protocols):
    recbole_iacn.add_protocol("mine", Protocol.scored({"RS": [0.8, 0.1, 0.1]}))
    again = recbole_iacn.add_protocol("mine", Protocol.scored({"RS": [0.6, 0.2, 0.2]}))
    assert protocols["mine"] is again


def test_a_misspelt_setting_of_a_protocol_is_rejected(build):
    recbole_iacn.add_protocol("typo", Protocol.scored({"RS": [0.8, 0.1, 0.1]}, MAX_ITEM_LIST_LENGHT=3))
    with pytest.raises(ConfigError, match=r"MAX_ITEM_LIST_LENGHT: no such setting \(protocol 'typo'\)"):
        build("DIN_IaCN", protocol="typo")


@pytest.mark.parametrize("changes", [{"group_by": None}, {"one_row_per_user": True}])
def test_a_split_that_leaves_nothing_is_rejected(changes):
    with pytest.raises(ConfigError, match="split: LS takes each user's last rows"):
        Protocol.scored({"LS": "valid_and_test"}, **changes)
