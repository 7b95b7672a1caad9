"""Numbers and lists of numbers, of items and users, in every click model: a value reaches its own scores alone."""

import pytest
import torch
from helpers import BACKBONES, give_other_weights, write_atomic

MODELS = [*(f"{name}_IaCN" for name in BACKBONES), *BACKBONES, "LR"]
COLUMNS = {
    "inter": ["user_id", "item_id", "timestamp"],
    "item": ["item_id", "categories", "price", "sizes"],
    "user": ["user_id", "age", "income", "wants"],
}
TESTED = {"protocol": "leave_one_out_ctr", "metrics": ["AUC"]}
ITEM, USER = "i7", "u3"  # whose values change
every_model = pytest.mark.parametrize("name", MODELS)


def write(folder, changes):
    """``changes``: (token, column) to the text of its cell."""
    write_atomic(folder, "shop")
    for source, columns in (
        ("item", (("price", "float", lambda i: f"{i % 9 / 9:.3f}"), ("sizes", "float_seq", _sizes))),
        ("user", (("income", "float", lambda i: f"{i % 5 / 5:.3f}"), ("wants", "float_seq", _sizes))),
    ):
        path = folder / "shop" / f"shop.{source}"
        head, *lines = path.read_text().splitlines()
        rows = ["\t".join([head, *(f"{name}:{kind}" for name, kind, _ in columns)])]
        for i, line in enumerate(lines):
            token = line.split("\t")[0]
            rows.append("\t".join([line, *(changes.get((token, name), of(i)) for name, _, of in columns)]))
        path.write_text("\n".join(rows) + "\n")
    return folder


def _sizes(i):
    return " ".join(f"{(i + place) % 7 / 7:.3f}" for place in range(i % 4))  # a quarter of the lists is empty


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The data as they are, and with one value changed."""
    changes = {
        "plain": {},
        "price": {(ITEM, "price"): "0.95"},
        "sizes": {(ITEM, "sizes"): "0.9 0.1 0.8"},
        "income": {(USER, "income"): "0.95"},
        "wants": {(USER, "wants"): "0.9 0.1 0.8"},
        "wide": {("i39", "sizes"): "0.5 " * 12},  # the others' lists are padded to twelve
    }
    return {name: str(write(tmp_path_factory.mktemp(name), change)) for name, change in changes.items()}


@pytest.fixture
def scores(build, folders):
    """Scores of the test rows with some data, by the weights of the plain data; and the rows."""

    def of(name, data="plain", **changes):
        *_, test, model = build(name, "shop", data_path=folders[data], load_col=COLUMNS, **TESTED, **changes)
        if "EulerNet" not in name and "FiGNN" not in name:  # whose scores are flat far from their start
            give_other_weights(model)
        model.eval()
        rows, found = [], []
        for batch, *_ in test:
            rows.append(batch)
            found.append(model.predict(batch).flatten().detach())
        return torch.cat(found), test._dataset, rows

    return of


def touched(dataset, rows, column):
    """Whether the changed value belongs to a row: to its user, its candidate or, if there is one, its history."""
    if column in ("income", "wants"):
        number = dataset.field2token_id["user_id"][USER]
        return torch.cat([batch["user_id"] == number for batch in rows])
    number = dataset.field2token_id["item_id"]["i39" if column == "wide" else ITEM]
    candidates = torch.cat([batch["item_id"] for batch in rows]) == number
    if "item_id_list" not in rows[0]:
        return candidates
    return candidates | torch.cat([(batch["item_id_list"] == number).any(dim=1) for batch in rows])


@every_model
def test_a_value_reaches_the_scores_of_its_item_or_user_and_no_others(scores, name):
    before, dataset, rows = scores(name)
    for column in ("price", "sizes", "income", "wants"):
        after, *_ = scores(name, column)
        own = touched(dataset, rows, column)
        assert own.any() and not own.all()
        reads = column in ("price", "sizes") or name not in ("DIN", "DIN_IaCN")
        assert_moves(after - before, own if reads else torch.zeros_like(own))


def assert_moves(change, where):
    """A change there, of at least ten times the rounding elsewhere, where there is none."""
    elsewhere = change[~where].abs().max()
    assert elsewhere < 1e-6
    assert not where.any() or change[where].abs().max() > 10 * elsewhere


@every_model
def test_the_padding_of_lists_has_no_influence(scores, name):
    before, dataset, rows = scores(name)
    after, *_ = scores(name, "wide")
    own = touched(dataset, rows, "wide")
    assert_moves(after - before, own)


@pytest.mark.parametrize("name", ["DIN_IaCN", "WideDeep_IaCN", "DSSM_IaCN", "DSSM", "DIN"])
def test_numerical_features_names_exactly_those_that_are_features(scores, name):
    before, *_ = scores(name, numerical_features=["price"])
    assert torch.equal(scores(name, "sizes", numerical_features=["price"])[0], before)
    assert not torch.equal(scores(name, "price", numerical_features=["price"])[0], before)


@pytest.mark.parametrize("name", ["DSSM_IaCN", "DSSM"])
def test_each_tower_reads_the_columns_of_its_own_side(build, folders, name):
    """In the inputs of the towers: number times vector, mean of a list times vector."""
    *_, test, model = build(name, "shop", data_path=folders["plain"], load_col=COLUMNS, **TESTED)
    give_other_weights(model)
    model.eval()
    seen = {}
    model.user_mlp_layers.register_forward_pre_hook(lambda module, given: seen.update(user=given[0]))
    model.item_mlp_layers.register_forward_pre_hook(lambda module, given: seen.update(item=given[0]))
    batch = next(iter(test))[0]
    model.predict(batch)
    for side, number, listed in (("user", "income", "wants"), ("item", "price", "sizes")):
        start = int(model.float_field_offsets[model.float_field_names.index(number)])
        of_number = model.float_embedding_table.embedding.weight[start + 1]
        of_list = model.float_seq_embedding_table[model.float_seq_field_names.index(listed)].weight[1]
        values, present = batch[listed].unbind(dim=-1)
        mean = (values * present).sum(dim=1) / present.sum(dim=1).clamp_min(1)
        dense = torch.stack([mean.unsqueeze(1) * of_list, batch[number][:, :1] * of_number], dim=1)
        torch.testing.assert_close(seen[side].unflatten(1, (-1, 8))[:, -2:], dense)


@pytest.mark.parametrize("name", ["DIN", "DIN_IaCN", "DIEN", "DIEN_IaCN"])
def test_what_din_and_dien_embed_of_numbers(build, folders, name):
    """Every item of a history with its own numbers, as RecBole orders the columns, by hand."""
    *_, test, model = build(name, "shop", data_path=folders["plain"], load_col=COLUMNS, **TESTED)
    layer, batch = model.embedding_layer, next(iter(test))[0]
    _, dense = layer(batch["user_id"], batch["item_id_list"])
    price = layer.item_feat["price"][batch["item_id_list"]][..., :1]
    values, present = layer.item_feat["sizes"][batch["item_id_list"]].unbind(dim=-1)
    mean = (values * present).sum(dim=-1) / present.sum(dim=-1).clamp_min(1)
    of_price = layer.float_embedding_table["item"].embedding.weight[1]
    of_sizes = layer.float_seq_embedding_table["item"][0].weight[1]
    wanted = torch.stack([price * of_price, mean.unsqueeze(-1) * of_sizes], dim=2)
    torch.testing.assert_close(dense["item"], wanted)
