"""user_fields: what joins the last layers of DIN and DIEN, in every path, and that it helps where it should."""

import numpy as np
import pytest
import torch
from helpers import auxiliary_tables, give_other_weights, write_atomic

import recbole_iacn
from recbole_iacn import ConfigError, interest_aware

COLUMNS = {
    "inter": ["user_id", "item_id", "timestamp", "tab", "hour", "tags"],
    "item": ["item_id", "categories"],
    "user": ["age", "user_id", "income", "likes"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rows with a tab, an hour (a number) and tags; users with an age, an income and a list of likes."""
    folder = write_atomic(tmp_path_factory.mktemp("fields"), "shop")
    for source, head, of in (
        ("inter", "tab:token\thour:float\ttags:token_seq", lambda i: f"t{i % 3}\t{i % 24 / 24}\t{'x y'[: i % 4]}"),
        ("user", "income:float\tlikes:token_seq", lambda i: f"{i / 60}\t{'a b c'[: i % 6]}"),
    ):
        path = folder / "shop" / f"shop.{source}"
        first, *lines = path.read_text().splitlines()
        path.write_text("\n".join([f"{first}\t{head}", *(f"{line}\t{of(i)}" for i, line in enumerate(lines))]) + "\n")
    return {"data_path": str(folder), "load_col": COLUMNS}


def padded(name):
    """A subclass of the user's, whose forward pass is its own, so that histories are padded."""
    from recbole.utils import get_model

    base = get_model(name)
    return interest_aware(type(f"Wide{name}", (base,), {"forward": lambda self, *rows: base.forward(self, *rows)}))


DIN_LIKE = ["DIN_IaCN", padded("DIN")]
DIEN_LIKE = ["DIEN_IaCN", padded("DIEN")]


@pytest.fixture
def make(build, folder):
    """(train, test, model with weights of a size that every part feels)."""

    def make(name, **changes):
        _, train, _, test, model = build(name, "shop", **{**folder, "user_fields": True, **changes})
        give_other_weights(model)
        return train, test, model

    return make


def joined_by_hand(model, batch, dataset):
    """The fields' vectors, one row and column at a time, in NumPy: age, likes, income; tab, hour, tags."""
    layer, rows = model.embedding_layer, []
    users = dataset.get_user_feature()
    tokens = layer.token_embedding_table["user"].embedding.weight.detach().numpy()
    starts = dict(zip(layer.token_field_names["user"], layer.token_field_offsets["user"]))
    likes = layer.token_seq_embedding_table["user"][0].weight.detach().numpy()
    income = layer.float_embedding_table["user"].embedding.weight[1].detach().numpy()
    tab, hour, tags = (table.weight.detach().numpy() for table in model.context.tables)

    def mean(table, ids):
        real = [table[i] for i in ids if i]
        return np.mean(real, axis=0) if real else np.zeros(8)

    for place, user in enumerate(batch["user_id"].tolist()):
        of_user = [
            tokens[starts["age"] + int(users["age"][user])],
            mean(likes, users["likes"][user].tolist()),
            float(users["income"][user][0]) * income,
        ]
        of_row = [
            tab[int(batch["tab"][place])],
            float(batch["hour"][place]) * hour[1],
            mean(tags, batch["tags"][place].tolist()),
        ]
        rows.append(np.concatenate([*(of_user if "DIN" in type(model).__name__ else []), *of_row]))
    return np.stack(rows)


@pytest.mark.parametrize("mode", ["off", "full"])
@pytest.mark.parametrize("name", [*DIN_LIKE, *DIEN_LIKE], ids=str)
def test_the_input_of_the_last_layers(make, name, mode):
    """That of the backbone alone, then the fields: in training and in evaluation."""
    train, _, model = make(name, iacn_mode=mode)
    batch, seen = next(iter(train)), []
    model.dnn_mlp_layers.mlp_layers.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    model.calculate_loss(batch)
    model.eval()
    model.predict(batch)
    wanted = joined_by_hand(model, batch, train._dataset)
    columns = len(model.embedding_layer.token_field_names["item"]) + len(
        model.embedding_layer.token_seq_field_names["item"]
    )
    own = 3 * columns * 8 if "DIN" in type(model).__name__ else (2 * columns + 4) * 8
    for found in seen:
        assert found.shape == (64, own + wanted.shape[1])
        np.testing.assert_allclose(found[:, own:], wanted, atol=1e-6)
    assert len(seen) == 2 and model.dnn_mlp_layers.beside is None


@pytest.mark.parametrize("name", ["DIN_IaCN", "DIEN_IaCN"])
def test_without_the_setting_nothing_joins(build, folder, name):
    *_, model = build(name, "shop", **folder)
    assert not model.joins_fields and type(model.dnn_mlp_layers).__name__ == "MLPLayers"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, {}) for name in (*DIN_LIKE, *DIEN_LIKE)),
        ("DIN_IaCN", {"iacn_mode": "off"}),
        ("DIN_IaCN", {"pooling_mode": "sum"}),
        *(("DIEN_IaCN", {"gru_type": gru}) for gru in ("GRU", "AIGRU", "AGRU")),
    ],
    ids=str,
)
def test_full_sort_equals_scoring_item_by_item(make, name, changes):
    _, test, model = make(name, **changes)
    model.eval()
    model.eval_batch_size = 7
    rows = test._dataset[torch.arange(4)]
    scores = model.full_sort_predict(rows)
    for item in (1, 7, 8, model.n_items - 1):
        candidates = rows.to("cpu")
        candidates.update(model.item_tables.item_feat[torch.full((4,), item)])
        torch.testing.assert_close(model.predict(candidates), scores[:, item], atol=2e-6, rtol=1e-5)
    assert len(scores[:, 1].unique()) == 4


@pytest.mark.parametrize("delta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("name", ["DIN_IaCN", "DIEN_IaCN"])
def test_the_gradient_of_the_auxiliary_embedding_stays_the_papers_mixture(make, name, delta):
    train, _, model = make(name, iacn_delta=delta, iacn_lambda=0.7)
    batch, tables = next(iter(train)), auxiliary_tables(model)
    weights = [weight for weight, _ in tables]

    def losses():
        torch.manual_seed(3)
        return model.calculate_loss(batch)

    def gradients(part, main_weight, delta):
        model.item_tables.main_weight, model.iacn_delta = main_weight, delta
        found = torch.autograd.grad(losses()[part], weights, allow_unused=True)
        return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found)]

    g_main, g_auxiliary = gradients(0, 1.0, 1.0), gradients(1, 1.0, 0.0)
    model.item_tables.main_weight, model.iacn_delta = delta, delta
    model.zero_grad()
    sum(losses()).backward()
    for (weight, rows), main, auxiliary in zip(tables, g_main, g_auxiliary):
        torch.testing.assert_close(weight.grad[rows], ((1 - delta) * auxiliary + delta * main)[rows])
    assert all(table.weight.grad.abs().sum() > 0 for table in model.context.tables)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DIN_IaCN", "DIEN_IaCN"])
def test_compiled_layers_and_a_loaded_checkpoint_give_the_same(settings, folder, name):
    from recbole.quick_start import load_data_and_model
    from recbole.utils import get_trainer

    given = settings(**folder, user_fields=True, epochs=1)
    plain = recbole_iacn.run(name, "shop", config_dict=given)
    config, model, _, _, _, test = load_data_and_model(plain["checkpoint"])
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    assert dict(trainer.evaluate(test, load_best_model=False)) == dict(plain["test_result"])
    compiled = recbole_iacn.run(name, "shop", config_dict={**given, "torch_compile": "eager"})
    assert compiled["test_result"] == pytest.approx(dict(plain["test_result"]), abs=1e-4)


@pytest.mark.parametrize(
    ("model", "load", "message"),
    [
        (
            "WideDeep_IaCN",
            COLUMNS,
            r"^user_fields: WideDeep_IaCN reads user and context fields as it is; leave it out$",
        ),
        ("DIN", COLUMNS, r"^user_fields: DIN does not read it; it is for <Backbone>_IaCN"),
        (
            "DIN_IaCN",
            {"inter": ["user_id", "item_id", "timestamp", "rating"], "user": ["user_id"]},
            r"^user_fields: no column of the user table and no context column of the interactions is loaded",
        ),
    ],
)
def test_where_nothing_could_join_it_is_rejected(settings, folder, model, load, message):
    with pytest.raises(ConfigError, match=message):
        recbole_iacn.build(model, "shop", config_dict=settings(**{**folder, "load_col": load}, user_fields=True))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Five clicks of each user: the first on one of two items that tell nothing, the others in a cluster of items that
    is given by the user's kind (data ``kinds``), or by the row's tab (``tabs``)."""
    folder, rng = tmp_path_factory.mktemp("planted"), np.random.default_rng(0)
    for name, clicks in (("kinds", 2), ("tabs", 6)):
        rows, users = ["user_id:token\titem_id:token\ttimestamp:float\ttab:token"], ["user_id:token\tkind:token"]
        for user in range(600):
            kind = user % 4
            users.append(f"u{user}\tk{kind}")
            rows.append(f"u{user}\tnothing{rng.integers(2)}\t0\tt0")
            for step in range(1, clicks + 2):
                tab = int(rng.integers(4))
                cluster = kind if name == "kinds" else tab
                rows.append(f"u{user}\ti{4 * rng.integers(10) + cluster}\t{step}\tt{tab}")
        (folder / name).mkdir()
        (folder / name / f"{name}.inter").write_text("\n".join(rows) + "\n")
        (folder / name / f"{name}.user").write_text("\n".join(users) + "\n")
    return str(folder)


def auc(name, data, planted, settings, user_fields):
    columns = {"inter": ["user_id", "item_id", "timestamp", "tab"], "user": ["user_id", "kind"]}
    given = settings(
        data_path=planted,
        load_col=columns if data == "kinds" else {"inter": columns["inter"]},
        user_fields=user_fields,
        iacn_mode="off",
        embedding_size=16,
        learning_rate=0.02,
        train_batch_size=256,
        eval_batch_size=1024,
        MAX_ITEM_LIST_LENGTH=1 if data == "tabs" else 4,
        epochs=10,
        stopping_step=10,
    )
    return recbole_iacn.run(name, data, config_dict=given, saved=False)["test_result"]["auc"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "data"), [("DIN_IaCN", "kinds"), ("DIN_IaCN", "tabs"), ("DIEN_IaCN", "tabs")])
def test_the_fields_help_where_clicks_depend_on_them(settings, planted, name, data):
    """A negative is in another cluster in three of four cases; without the fields nothing says which it is."""
    assert auc(name, data, planted, settings, True) > 0.8
    assert auc(name, data, planted, settings, False) < 0.65
