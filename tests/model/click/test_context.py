"""The history of context-aware models, by hand; backbones of the user's own; errors for what cannot work."""

import numpy as np
import pytest
import torch
from helpers import write_atomic
from recbole.model.context_aware_recommender.deepfm import DeepFM
from recbole.model.context_aware_recommender.widedeep import WideDeep
from recbole.model.sequential_recommender.din import DIN

import recbole_iacn
from recbole_iacn import ConfigError, interest_aware


@pytest.fixture
def priced(tmp_path):
    """Settings of a dataset whose items also have a number and a list of numbers."""
    write_atomic(tmp_path, "prices")
    path = tmp_path / "prices" / "prices.item"
    head, *lines = path.read_text().splitlines()
    rows = [f"{line}\t{i * 0.5}\t{i} {i + 1}" for i, line in enumerate(lines)]
    path.write_text("\n".join([f"{head}\tprice:float\tsizes:float_seq", *rows]) + "\n")
    return {
        "dataset": "prices",
        "data_path": str(tmp_path),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories", "price", "sizes"]},
        "numerical_features": ["price", "sizes"],
    }


def test_pooled_history_is_the_mean_of_the_items_own_vectors(build, priced):
    """Every kind of column, in NumPy, from the same tables that embed the candidate."""
    *_, train, _, _, model = build("WideDeep_IaCN", iacn_mode="off", **priced)
    assert model.history_columns == ["item_id", "categories", "price", "sizes"]
    history = next(iter(train))["item_id_list"][:5]
    history[3] = 0
    found = model.pool_history(history).detach().numpy()
    token, listed, number, numbers = (
        table.weight.detach().numpy()
        for table in (
            model.token_embedding_table.embedding,
            model.token_seq_embedding_table[0],
            model.float_embedding_table.embedding,
            model.float_seq_embedding_table[0],
        )
    )
    start = int(model.token_field_offsets[model.token_field_names.index("item_id")])
    features = {name: model.item_feat[name].numpy() for name in model.history_columns}

    def vectors(item):
        categories = [c for c in features["categories"][item] if c]
        price, sizes = features["price"][item], [pair for pair in features["sizes"][item] if pair[1]]
        nothing = [np.zeros(8)]
        return [
            token[start + item],
            np.mean([listed[c] for c in categories] or nothing, axis=0),
            price[0] * number[int(price[1])],
            np.mean([value * numbers[int(place)] for value, place in sizes] or nothing, axis=0),
        ]

    for row, items in zip(found, history.tolist()):
        seen = [vectors(item) for item in items if item]
        assert np.allclose(row, np.mean(seen, axis=0) if seen else 0, atol=1e-6)


def test_history_adds_no_table(build):
    """Stock WideDeep's parameters and, of the layers, the first one's wider input: one field more per item column."""
    *_, stock = build("WideDeep", protocol="leave_one_out_ctr")
    *_, ours = build("WideDeep_IaCN", iacn_mode="off")
    shapes, wanted = ({n: tuple(p.shape) for n, p in m.named_parameters()} for m in (ours, stock))
    first = "mlp_layers.mlp_layers.1.weight"
    assert shapes.pop(first) == (16, wanted.pop(first)[1] + 2 * 8)
    assert shapes == wanted


def test_the_first_order_part_sees_neither_history_nor_aliases(build):
    *_, model = build("WideDeep_IaCN", iacn_mode="full")
    names = model.first_order_linear.token_field_names + model.first_order_linear.token_seq_field_names
    assert sorted(names) == ["age", "categories", "item_id", "user_id"]


def test_a_two_tower_model_has_the_history_in_the_users_tower(build):
    *_, test, model = build("DSSM_IaCN")
    batch = next(iter(test))[0]
    model.eval()
    user, item = [], []
    model.user_mlp_layers.register_forward_hook(lambda *call: user.append(call[2]))
    model.item_mlp_layers.register_forward_hook(lambda *call: item.append(call[2]))
    model.predict(batch)
    batch["item_id_list"] = torch.where(batch["item_id_list"] > 0, 1 + batch["item_id_list"] % 39, 0)
    model.predict(batch)
    assert torch.equal(item[0], item[1]) and not torch.allclose(user[0], user[1])


@pytest.mark.parametrize("backbone", ["FFM", "FwFM"])
def test_groups_of_columns_include_their_aliases_and_histories(build, backbone):
    groups = {0: ["user_id", "age"], 1: ["item_id"], 2: ["categories"]}
    *_, train, _, _, model = build(f"{backbone}_IaCN", fields=groups)
    assert model.num_fields == 3
    group = {name: model.feature2field[place] for name, place in model.feature2id.items()}
    assert group["item_id_auxiliary"] == group["item_id_list"] == group["item_id_auxiliary_list"] == 1
    assert group["categories_auxiliary_list"] == 2
    assert torch.isfinite(sum(model.calculate_loss(next(iter(train)))))


def test_ffm_pools_the_history_for_each_field_from_its_own_table(build):
    *_, train, _, _, model = build("FFM_IaCN", iacn_mode="off")
    rows = model.with_history(next(iter(train)))
    by_field = model.ffm._emb_token_seq_ffm_input(model.get_ffm_input(rows)[2])
    start = int(model.ffm.token_offsets[model.token_field_names.index("item_id")])
    for field, vectors in enumerate(by_field):
        weight = model.ffm.token_embeddings[field].weight
        for row, items in zip(vectors[:4, 0], rows["item_id_list"][:4]):
            assert torch.allclose(row, weight[start + items[items > 0]].mean(0), atol=1e-6)


@pytest.mark.slow
def test_kd_dagfm_distils_from_a_checkpoint_with_capsules(build, settings, tmp_path):
    recbole_iacn.run("KD_DAGFM_IaCN", "tiny", config_dict=settings(epochs=1))
    (teacher,) = (tmp_path / "saved").glob("*.pth")
    *_, train, _, _, student = build("KD_DAGFM_IaCN", phase="distillation", warm_up=str(teacher))
    weights = torch.load(teacher, weights_only=True)["state_dict"]
    assert torch.equal(student.teacher_network.linear.weight, weights["teacher_network.linear.weight"])
    assert torch.isfinite(sum(student.calculate_loss(next(iter(train)))))


class Shallow(WideDeep):
    """A user's subclass that adds a setting of its own."""

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.scale = config["shallow_scale"] or 1.0

    def forward(self, interaction):
        return self.scale * super().forward(interaction)


class Attentive(DIN):
    pass


class Blind(DeepFM):
    """Reads ids in its own way."""

    def forward(self, interaction):
        return self.first_order_linear(interaction).squeeze(-1)


@pytest.mark.slow
@pytest.mark.parametrize("model", [Shallow, Attentive])
def test_a_users_subclass_trains_saves_and_loads(settings, tmp_path, model):
    from recbole.quick_start import load_data_and_model, run_recbole
    from recbole.utils import get_trainer

    made = interest_aware(model)
    assert interest_aware(model) is made and made.__name__ == f"{model.__name__}_IaCN"
    own = {"shallow_scale": 0.5} if model is Shallow else {}
    result = run_recbole(model=made, dataset="tiny", config_dict=settings(**own))
    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    config, network, _, _, _, test = load_data_and_model(str(checkpoint))
    assert type(network) is made
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
    assert dict(trainer.evaluate(test, load_best_model=False)) == dict(result["test_result"])


def test_a_users_subclass_has_the_defaults_of_its_ancestor(settings):
    from recbole.config import Config

    config = Config(model=interest_aware(Shallow), dataset="tiny", config_dict=settings(mlp_hidden_size=...))
    assert config["mlp_hidden_size"] == [32, 16, 8]  # WideDeep's
    assert config["iacn_mode"] == "full"


def test_made_classes_can_be_pickled():
    import pickle

    for name in ("DIN_IaCN", "WideDeep_IaCN"):
        made = getattr(recbole_iacn, name)
        assert pickle.loads(pickle.dumps(made)) is made is interest_aware(made)


def test_a_backbone_that_reads_no_fields_is_rejected_before_it_learns(settings):
    with pytest.raises(ConfigError, match=r"^Blind_IaCN: Blind does not read its fields by embed_input_fields"):
        recbole_iacn.run(interest_aware(Blind), "tiny", config_dict=settings())


@pytest.mark.parametrize("model", ["WideDeep_IaCN", "DeepFM_IaCN"])
def test_data_without_times_have_no_history(settings, tmp_path, model):
    folder = write_atomic(tmp_path / "timeless")
    path = folder / "tiny" / "tiny.inter"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    path.write_text("\n".join("\t".join([user, item, rating]) for user, item, _, rating in lines) + "\n")
    message = r"tiny\.inter: no column 'timestamp' \(TIME_FIELD: set it to the column of times"
    load = {"inter": ["user_id", "item_id"]}
    with pytest.raises(ConfigError, match=message):
        recbole_iacn.run(model, "tiny", config_dict=settings(data_path=str(folder), load_col=load))
    with pytest.raises(ConfigError, match=message):  # through RecBole's own function
        from recbole.quick_start import run_recbole

        run_recbole(model=model, dataset="tiny", config_dict=settings(data_path=str(folder), load_col=load))


def test_couplings_need_capsules(build):
    *_, test, model = build(iacn_mode="width")
    with pytest.raises(ConfigError, match=r"^iacn_mode: couplings need"):
        model.couplings(next(iter(test))[0])
    with pytest.raises(
        ConfigError, match=r"^iacn_mode: interests need the capsules of mode full, this model's is 'width'"
    ):
        model.interests_and_items(next(iter(test))[0])


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN"])
def test_couplings_of_each_behaviour_add_up_to_one(build, model):
    *_, test, network = build(model)
    rows = next(iter(test))[0]
    couplings = network.couplings(rows)
    real = (rows["item_id_list"] > 0).float()
    assert couplings.shape == (*real.shape, 4)
    assert torch.allclose(couplings.sum(-1), real, atol=1e-6)


def test_each_list_column_is_embedded_in_its_own_table(build, tmp_path):
    """Two columns of lists and their aliases, in NumPy; the rows' own lists come after the histories."""
    write_atomic(tmp_path, "tagged")
    path = tmp_path / "tagged" / "tagged.item"
    head, *lines = path.read_text().splitlines()
    rows = [f"{line}\tt{i % 5} t{i % 3}" for i, line in enumerate(lines)]
    path.write_text("\n".join([f"{head}\ttags:token_seq", *rows]) + "\n")
    columns = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories", "tags"]}
    changes = {"dataset": "tagged", "data_path": str(tmp_path), "load_col": columns}
    *_, train, _, _, model = build("WideDeep_IaCN", **changes)
    batch = model.with_history(next(iter(train))[:6])
    names, histories = model.token_seq_field_names, len(model.history_fields)
    own = names[histories:]
    assert own == ["categories", "tags", "categories_auxiliary", "tags_auxiliary"]
    found = model.embed_token_seq_fields([batch[name] for name in names])[:, histories:].detach().numpy()
    for place, (name, table) in enumerate(zip(own, model.token_seq_embedding_table)):
        vectors = table.weight.detach().numpy()
        for row, ids in enumerate(batch[name].tolist()):
            wanted = np.mean([vectors[i] for i in ids if i] or [np.zeros(8)], axis=0)
            assert np.allclose(found[row, place], wanted, atol=1e-6), name
