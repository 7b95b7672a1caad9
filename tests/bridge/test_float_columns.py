"""When float columns become features, and what is said of them."""

import numpy as np
import pytest
import torch
from helpers import write_atomic

from recbole_iacn import ConfigError
from recbole_iacn.building import configure


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Items with a price up to 390, a size in [0, 1] and a list that reaches -70; users with an income."""
    folder = write_atomic(tmp_path_factory.mktemp("shop"), "shop")
    for source, head, of in (
        ("item", "price:float\tsize:float\tmoves:float_seq", lambda i: f"{10 * i}\t{i / 40}\t{i} {-i - 31}"),
        ("user", "income:float\trank:float", lambda i: f"{i / 60}\t{1 - i / 60}"),
    ):
        path = folder / "shop" / f"shop.{source}"
        first, *lines = path.read_text().splitlines()
        path.write_text("\n".join([f"{first}\t{head}", *(f"{line}\t{of(i)}" for i, line in enumerate(lines))]) + "\n")
    columns = {
        "inter": ["user_id", "item_id", "timestamp"],
        "item": ["item_id", "categories", "price", "size", "moves"],
        "user": ["user_id", "income", "rank"],
    }
    return {"data_path": str(folder), "load_col": columns}


DRAWN = {
    "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1},
    "eval_args": {"order": "TO", "mode": "uni1"},
}
CTR = {"protocol": "leave_one_out_ctr", "metrics": ["AUC"], "valid_metric": "AUC"}
EVERY = ["price", "size", "moves", "income", "rank"]


@pytest.mark.parametrize(
    ("model", "changes", "expected"),
    [
        ("DIN_IaCN", {}, EVERY),
        ("WideDeep_IaCN", {"protocol": None, **DRAWN}, EVERY),
        ("WideDeep_IaCN", {"numerical_features": ["size"]}, ["size"]),
        ("DIN", CTR, EVERY),
        ("WideDeep", CTR, EVERY),
        ("LR", CTR, EVERY),
        ("WideDeep", DRAWN, []),  # RecBole alone is as it was
        ("MIND", {"mlp_hidden_size": ...}, []),  # reads ids
        ("DIN_IaCN", {"discretization": {"size": {"method": "ED", "bucket": 4}}}, EVERY),
    ],
)
def test_which_columns_become_features(settings, shop, model, changes, expected):
    config = configure(model, "shop", config_dict=settings(**shop, **changes))
    assert config["numerical_features"] == expected


def test_a_column_that_is_discretized_must_be_a_feature(settings, shop):
    given = settings(**shop, numerical_features=["price"], discretization={"size": {"method": "LD"}})
    with pytest.raises(ConfigError, match=r"^discretization: 'size' must be among numerical_features$"):
        configure("DIN_IaCN", "shop", config_dict=given)


@pytest.fixture
def caplog(caplog):
    caplog.set_level("WARNING")  # an earlier run's ``state`` may be set
    return caplog


def notices(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "recbole_iacn.bridge.float_columns"]


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep"])
def test_large_numbers_are_reported_once_and_the_mend_works(build, shop, caplog, model):
    protocol = {} if model == "DIN_IaCN" else CTR
    build(model, "shop", **shop, **protocol)
    assert notices(caplog) == [
        "shop: features with large numbers, beside small embeddings: price (390), moves (70); "
        "normalize_field: [price, moves] scales them to [0, 1]"
    ]
    caplog.clear()
    *_, test, _ = build(model, "shop", normalize_field=["price", "moves"], **shop, **protocol)
    assert notices(caplog) == []
    dataset = test._dataset
    price = dataset.item_feat["price"][1:, 0]
    number = np.array([int(token[1:]) for token in dataset.field2id_token["item_id"][1:]])
    np.testing.assert_allclose(price, number / 39, atol=1e-6)
    assert (dataset.item_feat["moves"][..., 0].min(), dataset.item_feat["moves"][..., 0].max()) == (0, 1)


@pytest.mark.parametrize("model", ["WideDeep", "MIND"])
def test_nothing_is_said_of_columns_that_are_not_features(build, shop, caplog, model):
    build(model, "shop", **shop, **({"mlp_hidden_size": ...} if model == "MIND" else DRAWN))
    assert notices(caplog) == []


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("model", ["DIN", "DIN_IaCN", "DIEN", "DIEN_IaCN"])
def test_each_of_two_columns_has_its_own_number_and_vector(build, shop, model, pooling):
    """In DIN's and DIEN's embedding layer, of histories and of users, by hand."""
    *_, test, network = build(model, "shop", pooling_mode=pooling, **shop, **CTR)
    layer, batch = network.embedding_layer, next(iter(test))[0]
    _, dense = layer(batch["user_id"], batch["item_id_list"])
    for side, names, ids in (
        ("item", ["price", "size"], batch["item_id_list"]),
        ("user", ["income", "rank"], batch["user_id"]),
    ):
        vectors = layer.float_embedding_table[side].embedding.weight[[1, 3]]  # a row of padding, and one of numbers
        table = {"item": layer.item_feat, "user": layer.user_feat}[side]
        numbers = torch.stack([table[name][ids][..., 0] for name in names], dim=-1)
        torch.testing.assert_close(dense[side][..., :2, :], numbers.unsqueeze(-1) * vectors)
    network.eval()
    assert torch.isfinite(network.predict(batch)).all()


@pytest.mark.parametrize("model", ["FwFM", "FFM", "FwFM_IaCN", "FFM_IaCN"])
def test_a_column_outside_all_groups_is_named(build, shop, model):
    groups = {0: ["user_id", "income", "rank"], 1: ["item_id", "price", "size"], 2: ["categories"]}
    with pytest.raises(ConfigError, match=r"^fields: no group has 'moves', a column that Fw?F?FM embeds; add it to"):
        build(model, "shop", fields=groups, **shop, **({} if model.endswith("IaCN") else CTR))
    groups[1].append("moves")
    *_, train, _, _, network = build(model, "shop", fields=groups, **shop, **({} if model.endswith("IaCN") else CTR))
    loss = network.calculate_loss(next(iter(train)))
    assert torch.isfinite(sum(loss) if isinstance(loss, tuple) else loss)


def test_fwfm_weights_each_pair_of_columns_by_their_own_groups(build, shop):
    """RecBole numbers token columns before lists, but embeds lists first: by hand, with one group per column."""
    *_, train, _, _, model = build("FwFM", "shop", **shop, **CTR)
    rows = next(iter(train))
    names = [*model.token_seq_field_names, *model.token_field_names, *model.float_seq_field_names]
    names += model.float_field_names
    assert [model.feature2id[name] for name in names] == list(range(len(names)))
    assert model.concat_embed_input_fields(rows).shape[1] == len(names) == model.num_features


@pytest.mark.parametrize("model", ["DSSM", "DSSM_IaCN"])
def test_each_tower_has_the_numbers_of_its_own_side(build, shop, model):
    """Items have a list of numbers and users have none, and RecBole embeds lists first."""
    test, towers = build(model, "shop", **shop, **CTR)[3:]
    rows = next(iter(test))[0]

    def numbers(changed=None):
        """Vectors of both sides' numbers, with 1 added to those of one column, which stand in pairs with an id."""
        batch = rows[torch.arange(len(rows))]
        if changed is not None:
            batch.interaction[changed] = rows[changed] + torch.tensor([1.0, 0.0])
        batch = towers.with_history(batch) if hasattr(towers, "with_history") else batch
        _, users, _, items = towers.double_tower_embed_input_fields(batch)
        return users, items

    users, items = numbers()
    assert users.shape[1] == 2 and items.shape[1] == 3
    for name in EVERY:
        of_users, of_items = numbers(name)
        assert torch.equal(of_items, items) == (name in ("income", "rank")), name
        assert torch.equal(of_users, users) == (name not in ("income", "rank")), name
