"""Which rows of which weights belong to which ids: what a row is said to be, it is, to the scores."""

import copy

import numpy as np
import pytest
import torch
from helpers import BACKBONES, SHORT_RANKING, give_other_weights

from recbole_iacn.errors import ConfigError
from recbole_iacn.model.vocabulary_rows import Count, vocabulary_rows
from recbole_iacn.names import FAMILY

UNREAD = {"DIN": {"user_id", "age"}, "DIEN": {"user_id", "age"}}  # which stock DIN and DIEN embed for nothing
CLICKS = {"iacn_item_features": "all", "iacn_user_profile": ["age"]}
LABELLED = {
    "load_col": {
        "inter": ["user_id", "item_id", "timestamp", "rating"],
        "item": ["item_id", "categories"],
        "user": ["user_id", "age"],
    },
    "threshold": {"rating": 4},
}
CASES = [
    *((f"{name}_IaCN", {"iacn_mode": "full", **CLICKS}) for name in BACKBONES),
    *((f"{name}_IaCN", {"iacn_mode": mode}) for name in ("DIN", "WideDeep", "FFM") for mode in ("off", "width")),
    *((name, SHORT_RANKING) for name in FAMILY),
    *((name, {}) for name in ("DIN", "DIEN")),
    *((name, LABELLED) for name in ("WideDeep", "FFM", "LR")),
]


def class_of(model):
    return lambda config, dataset: type(model)(config, dataset)


def rows_that_read(dataset, batch, field, chosen):
    """Whether each row of a batch has the id ``chosen`` in a column: the user's, the item's or the history's."""
    field = field.removesuffix("_auxiliary")
    users, items = dataset.get_user_feature(), dataset.get_item_feature()
    if field in ("user_id", "age"):
        return (users[field][batch["user_id"]] == chosen).numpy()
    read = batch["item_id"][:, None]
    if "item_id_list" in batch.columns:
        read = torch.cat([read, batch["item_id_list"]], dim=1)
    ids = items[field][read].flatten(1)
    return (ids == chosen).any(dim=1).numpy()


def check_whole(rows, state, dataset):
    """What is said of a weight ends where the weight ends, and no table of the items is left out."""
    covered = {}
    for part in rows:
        assert part.start == covered.get((part.name, part.dim), 0)
        covered[part.name, part.dim] = part.start + part.count
    assert all(state[name].shape[dim] == total for (name, dim), total in covered.items())
    tables = {name for name, _ in covered}
    assert {n for n, value in state.items() if value.shape[:1] == (dataset.item_num,)} <= tables


@pytest.mark.parametrize(("name", "changes"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_a_row_moves_the_scores_of_its_id_alone(build, name, changes):
    config, training, _, test, model = build(name, **changes)
    dataset = training._dataset
    rows = vocabulary_rows(class_of(model), config, dataset)
    check_whole(rows, model.state_dict(), dataset)
    give_other_weights(model)
    model.eval()
    batch = next(iter(test))
    batch = batch[0] if isinstance(batch, tuple) else batch
    before = model.predict(batch).detach()
    state = copy.deepcopy(model.state_dict())
    for field in {part.field for part in rows}:
        assert {part.count for part in rows if part.field == field} == {dataset.num(field)}
        for chosen in (1, dataset.num(field) - 1):
            changed = copy.deepcopy(state)
            for part in (part for part in rows if part.field == field):
                changed[part.name].select(part.dim, part.start + chosen).add_(1.0)
            model.load_state_dict(changed)
            moved = (model.predict(batch).detach() != before).flatten().numpy()
            reads = rows_that_read(dataset, batch, field, chosen)
            assert not np.any(moved & ~reads), (field, chosen)
            if field not in UNREAD.get(name.removesuffix("_IaCN"), ()):
                assert moved.any() == reads.any(), (field, chosen)


def test_the_tables_of_the_tasks_are_covered(build):
    """They move no score."""
    config, training, _, _, model = build("WideDeep_IaCN", iacn_user_profile=["age"])
    rows = vocabulary_rows(class_of(model), config, training._dataset)
    named = {part.name: part.field for part in rows}
    assert named["tasks.iacn.profile_embedding.age.weight"] == "age"


def test_nothing_is_changed_by_the_look(build):
    config, training, _, _, model = build("KD_DAGFM_IaCN")
    dataset, settings = training._dataset, copy.deepcopy(config.final_config_dict)
    items, rows = dataset.item_feat, len(dataset.inter_feat)
    torch.manual_seed(3)
    vocabulary_rows(class_of(model), config, dataset)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    assert config.final_config_dict == settings
    assert dataset.item_feat is items and len(dataset.inter_feat) == rows and type(dataset.num("item_id")) is int


def test_a_mask_token_belongs_to_no_column(build):
    config, training, _, _, model = build("BERT4Rec", train_neg_sample_args=None, hidden_size=8, mlp_hidden_size=...)
    rows = [p for p in vocabulary_rows(class_of(model), config, training._dataset) if p.name == "item_embedding.weight"]
    assert [(part.start, part.count) for part in rows] == [(0, training._dataset.item_num)]
    assert len(model.item_embedding.weight) == training._dataset.item_num + 1


def test_a_table_of_a_shape_of_its_own_is_rejected(build):
    config, training, _, _, _ = build("WideDeep_IaCN")

    def with_pairs(config, dataset):
        model = torch.nn.Module()
        model.pairs = torch.nn.Embedding(dataset.user_num * dataset.item_num, 2)
        return model

    with pytest.raises(ConfigError, match=r"weight pairs\.weight grows with the vocabularies, but not as a sequence"):
        vocabulary_rows(with_pairs, config, training._dataset)


def test_a_count_remembers_its_columns():
    users, items = Count.of((("user_id", 5),)), Count.of((("item_id", 7),))
    assert sum([users, items]) + 1 == 13
    assert (sum([users, items]) + 1).parts == (("user_id", 5), ("item_id", 7), (None, 1))
    assert (1 + items).parts == ((None, 1), ("item_id", 7))
