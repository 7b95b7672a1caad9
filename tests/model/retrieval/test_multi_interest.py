"""The multi-interest family: formulas against NumPy, bounds on planted data, RecBole's own functions."""

import numpy as np
import pytest
import torch
from recbole.utils import get_trainer

from recbole_iacn.data.synthetic import PlantedInterests
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.divergence import interest_divergence
from recbole_iacn.model.retrieval.base import best_interest, largest_products
from recbole_iacn.model.retrieval.ranking_loss import bpr
from recbole_iacn.names import FAMILY
from recbole_iacn.nn.interval_attention import personal_intervals

SHORT = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "mlp_hidden_size": ...,
    "topk": [5, 10],
    "eval_negatives": 20,
}
every_model = pytest.mark.parametrize("name", list(FAMILY))


@pytest.fixture
def network(build):
    """A model with weights that distinguish items, and rows of the test data."""

    def make(name, **changes):
        *_, test, model = build(name, **SHORT, **changes)
        torch.manual_seed(0)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        return model.eval(), test._dataset[np.arange(12)]

    return make


@pytest.mark.parametrize("name", [name for name in FAMILY if name != "TiSASRec"])  # which has intervals, and packs
def test_interests_in_training_are_those_in_use(build, name):
    """Training takes short and long histories apart (``nn/by_length.py``)."""
    *_, model = build(name, **SHORT, dropout_prob=0.0, rows="prefixes")
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    history = torch.randint(1, model.n_items, (200, model.max_seq_length))
    history[100:, 1:] = 0
    found = []
    for mode in (model.eval(), model.train()):
        interests, active = mode.interests({mode.ITEM_SEQ: history})
        found.append(interests.detach() * active.unsqueeze(2))
    assert torch.allclose(*found, atol=1e-5)


def test_bpr_and_the_hard_readout_by_hand():
    interests = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [9.0, 9.0]]])
    active = torch.tensor([[True, True], [True, False]])
    clicked = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    user = best_interest(interests, active, clicked)
    assert user.tolist() == [[0.0, 2.0], [1.0, 1.0]]
    loss = bpr(user, clicked, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert loss.item() == pytest.approx(np.mean([np.log(1 + np.exp(-2)), np.log(1 + np.exp(-1))]))


def test_largest_products_by_numpy():
    """More users and items than a block has, with a rest; and fewer."""
    torch.manual_seed(0)
    for count, catalogue in ((600, 1100), (7, 5)):
        users, items = torch.randn(count, 3, 4), torch.randn(catalogue, 4)
        wanted = np.einsum("bkd,id->bki", users.numpy(), items.numpy()).max(axis=1)
        assert np.allclose(largest_products(users, items).numpy(), wanted, atol=1e-5)


@every_model
def test_full_sort_is_predict_for_every_item(network, name):
    model, rows = network(name)
    scores = model.full_sort_predict(rows)
    for item in (1, 5, 39):
        rows.interaction["item_id"] = torch.full((12,), item)
        assert torch.allclose(model.predict(rows), scores[:, item], atol=1e-5)


@every_model
def test_padding_has_no_influence(network, name):
    """A longer window of the same histories gives the same scores."""
    model, rows = network(name)
    if name == "MIND":  # its routing starts from one value per position
        model.extractor.initial_logits = torch.randn(len(model.extractor.initial_logits) + 2, 4)
    scores = model.full_sort_predict(rows)
    model.max_seq_length += 2
    for key, values in rows.interaction.items():
        if key.endswith("_list"):
            rows.interaction[key] = torch.nn.functional.pad(values, (0, 2))
    assert torch.allclose(model.full_sort_predict(rows), scores, atol=1e-5)


def test_minds_clicked_item_learns_from_what_it_reads(network):
    """The attention asks by the item's embedding, so that it has a gradient of it."""
    model, batch = network("MIND")
    interests, active = model.interests(batch)
    target = model.embed(batch["item_id"]).detach().requires_grad_()
    model.reader(interests.detach(), active, target).sum().backward()
    several = active.sum(dim=1) > 1
    assert several.any() and target.grad[several].any(dim=1).all()


def test_mind_scores_a_user_by_own_interests_only(network):
    """K_u of the routing: 1 for one or two clicks, then 2 for three and four, 3 from five on."""
    model, rows = network("MIND", num_interests=4)
    users, active = model.users(rows)
    lengths = (rows["item_id_list"] != 0).sum(dim=1)
    assert active.sum(dim=1).tolist() == [max(1, int(np.ceil(np.log2(length)))) for length in lengths.tolist()]
    assert (users[~active] == 0).all()


@pytest.mark.parametrize("changes", [{"h_layer": True}, {"label_attention": "pow", "label_power": 2.0}])
def test_minds_options_train(build, changes):
    _, train, *_, model = build("MIND", **SHORT, **changes)
    model.calculate_loss(next(iter(train))).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@every_model
def test_loss_is_finite_and_trains_every_weight(build, name):
    _, train, *_, model = build(name, **SHORT)
    losses = model.calculate_loss(next(iter(train)))
    (sum(losses) if isinstance(losses, tuple) else losses).backward()
    idle = [n for n, p in model.named_parameters() if p.grad is None and not n.startswith("predictor.")]
    assert idle == []
    assert not model.item_embedding.weight.grad[0].any()  # padding stays zero


@pytest.mark.parametrize("name", ["ComiRec", "MIND", "YouTubeDNN", "DIN_IaCN"])
def test_divergence_of_clicked_and_recommended(build, name):
    """By NumPy for one user; none where there is one interest."""
    *_, test, model = build(name, **({} if name == "DIN_IaCN" else SHORT))
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    found = interest_divergence(model, test._dataset, rows=30, batch=7)
    assert found.shape == (30,) and (found >= -1e-6).all() and (found < np.log(2) + 1e-6).all()
    assert (found.max() > 1e-3) == (name != "YouTubeDNN")
    first = test._dataset[np.arange(1)]
    with torch.no_grad():
        interests, active, embed = model.eval().interests_and_items(first)
        best = model.full_sort_predict(first).view(1, -1)[:, 1:].argmax(dim=1) + 1
        likeness = [torch.nn.functional.cosine_similarity(interests[0], embed(i)) for i in (first["item_id"], best)]
    p, q = (np.exp(x[active[0]].double().numpy() / 0.1) for x in likeness)
    p, q = p / p.sum(), q / q.sum()
    m = (p + q) / 2
    assert found[0].item() == pytest.approx((p * np.log(p / m) + q * np.log(q / m)).sum() / 2, abs=1e-5)


@every_model
@pytest.mark.parametrize("amp_dtype", ["bfloat16", "float16"])
def test_mixed_precision_trains(build, name, amp_dtype):
    changes = {"stages": "joint"} if name.startswith("TiMiRec") else {}
    changes.update(enable_amp=True, amp_dtype=amp_dtype, epochs=1)
    config, train, valid, _, model = build(name, **SHORT, **changes)
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    trainer.fit(train, valid, verbose=False, saved=False)
    assert all(np.isfinite(loss) for loss in trainer.epoch_losses[0].values())


def test_biases_have_no_weight_decay(build):
    config, *_, model = build("TiMiRecPlus", **SHORT, weight_decay=0.1)
    groups = get_trainer(config["MODEL_TYPE"], "TiMiRecPlus")(config, model).optimizer.param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    biases = {name for name, p in model.named_parameters() if any(p is one for one in groups[1]["params"])}
    assert biases == {name for name, _ in model.named_parameters() if "bias" in name} and len(biases) > 8
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    data = PlantedInterests(users=300, clusters=5, items_per_cluster=16, events=12, noise=0.05)
    return str(data.write(tmp_path_factory.mktemp("planted")).parent)


@pytest.mark.slow
@every_model
def test_planted_interests_are_found(build, planted, name):
    """Ranked among 50 items outside the user's own: two of five clusters are liked and hold 20 of their 32 items still,
    so that of 50 drawn among 68 some 15 are of a liked one. A model that knows the clusters has the clicked item among
    its first ten in .95 * 10 / 16 = .6 of all cases, one that knows nothing in .2."""
    epochs = {"TiMiRec": 12, "TiMiRecPlus": 12, "YouTubeDNN": 50}.get(name, 25)  # of each of two stages; a slow start
    changes = {**SHORT, "data_path": planted, "eval_negatives": 50, "epochs": epochs, "stopping_step": 20}
    rows = 24 if name in ("YouTubeDNN", "TiSASRec", "ESASRec") else 256  # of histories with 11 targets, or of clicks
    config, train, valid, test, model = build(
        name,
        "planted",
        **changes,
        learning_rate=0.01,
        MAX_ITEM_LIST_LENGTH=12,
        embedding_size=16,
        train_batch_size=rows,
    )
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    trainer.fit(train, valid, verbose=False)
    assert 0.4 < trainer.evaluate(test)["hit@10"] < 0.75  # seen: .43 to .61


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ComiRec", "TiSASRec", "TiMiRec"])
def test_recboles_own_functions_work(tmp_path, settings, name):
    """run, a checkpoint that opens without running code, load_data_and_model and full_sort_topk."""
    from recbole.quick_start import load_data_and_model
    from recbole.utils.case_study import full_sort_topk

    import recbole_iacn

    result = recbole_iacn.run(name, "tiny", config_dict=settings(**SHORT, checkpoint_dir=str(tmp_path / "saved")))
    assert set(result["test_result"]) == {"hit@5", "hit@10", "ndcg@5", "ndcg@10"}
    saved = [path for path in (tmp_path / "saved").iterdir() if "extractor" not in path.name]
    assert len(saved) == 1 and torch.load(saved[0], weights_only=True)["recbole_iacn"] == 1
    config, model, _, _, _, test = load_data_and_model(str(saved[0]))
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    assert trainer.evaluate(test, load_best_model=False) == result["test_result"]
    scores, items = full_sort_topk(np.array([1, 2]), model, test, k=3, device="cpu")
    assert scores.shape == items.shape == (2, 3) and (items > 0).all()


@pytest.mark.parametrize("scaled", [False, True])
def test_timed_histories_are_exact(build, tmp_path, scaled):
    """Two clicks a second apart in 2026, which are equal in float32; times count from the first click. Also where
    RecBole scales every float column to [0, 1], as it does for ml-100k."""
    (tmp_path / "timed").mkdir()
    times = {"a": [1_790_000_000, 1_790_000_001, 1_790_000_004, 1_790_500_000], "b": [5, 6, 7, 1_790_000_000]}
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    lines += [f"{user}\ti{place}\t{time}" for user, row in times.items() for place, time in reversed([*enumerate(row)])]
    (tmp_path / "timed" / "timed.inter").write_text("\n".join(lines) + "\n")
    changes = {**SHORT, "data_path": str(tmp_path), "eval_negatives": 1, "protocol": "leave_one_out_full"}
    _, _, _, test, _ = build("TiSASRec", "timed", **{**changes, "eval_negatives": ..., "normalize_all": scaled})
    rows = test._dataset[np.arange(2)]
    found = dict(zip(test._dataset.field2id_token["user_id"][rows["user_id"]], rows["elapsed_list"].tolist()))
    assert found == {"a": [0, 1, 4, 0, 0, 0], "b": [0, 1, 2, 0, 0, 0]}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("ComiRec", {"extractor": "mlp"}, "extractor: there is no 'mlp'. There are: dr, sa"),
        ("MIND", {"num_interests": 0}, "num_interests: must be an integer >= 1"),
        ("TiMiRec", {"stages": "three"}, "stages: must be two, joint or extractor_twice"),
        ("TiMiRec", {"interest_positions": "value"}, "interest_positions: must be attention, values or none"),
        ("ComiRecPlus", {"interest_positions": True}, "interest_positions: must be attention, values or none"),
        ("TiMiRec", {"num_interest": 3}, "num_interest: no such setting .*Did you mean 'num_interests'"),
        ("MIND", {"history_dataset": False}, "MIND always reads histories as windows"),
        ("TiSASRec", {"n_heads": 3}, r"n_heads: must divide embedding_size \(8\), got 3"),
        ("TiSASRec", {"n_layers": 0}, "n_layers: must be an integer >= 1"),
        ("TiMiRec", {"stages": None}, "stages: must be two, joint or extractor_twice, got None"),
        ("TiMiRec", {"stop_gradient": None}, "stop_gradient: must be True or False, got None"),
        ("ComiRec", {"interest_positions": None}, "interest_positions: must be attention, values or none, got None"),
        ("ComiRec", {"dropout_prob": 1.5}, r"dropout_prob: must be a number in \[0, 1\)"),
        ("ComiRec", {"embedding_size": 0}, "embedding_size: must be an integer >= 1"),
    ],
)
def test_wrong_settings_are_rejected(build, name, changes, message):
    with pytest.raises(ConfigError, match=message):
        build(name, **SHORT, **changes)


@pytest.mark.parametrize("name", ["MND", "TiMiReC"])
def test_misspelt_names_are_rejected(name):
    import recbole_iacn

    with pytest.raises(ConfigError, match=r"Did you mean '(MIND|TiMiRec)"):
        recbole_iacn.run(name, "tiny")


@every_model
def test_padding_starts_as_zero_and_the_rest_small(build, name):
    """Standard deviation .01, as in the TiMiRec paper's code; 40 items of 8 numbers, so within a tenth of it."""
    *_, model = build(name, **SHORT)
    tables = [part for part in model.modules() if isinstance(part, torch.nn.Embedding) and part.padding_idx is not None]
    assert len(tables) == (2 if name.startswith("TiMiRec") else 1)
    for table in tables:
        assert not table.weight[0].any()
        assert table.weight[1:].std().item() == pytest.approx(0.01, rel=0.15)


def test_tisasrecs_vector_is_the_normalised_state_of_the_newest_click(network):
    """Row by row, without padding: blocks of sqrt(D) e_i, the last position, layer normalisation in NumPy."""
    model, rows = network("TiSASRec")
    found = model.interests(rows)[0][:, 0].detach().double().numpy()
    norm = model.extractor.norm
    for row, (items, seconds) in enumerate(zip(rows["item_id_list"], rows["elapsed_list"])):
        length = int((items != 0).sum())
        mask = torch.ones(1, length, dtype=torch.bool)
        states = model.item_embedding(items[None, :length]) * 8**0.5
        for block in model.extractor.blocks:
            states = block(states, mask, personal_intervals(seconds[None, :length], mask, model.time_span))
        x, weight, bias = (part.detach().double().numpy() for part in (states[0, -1], norm.weight, norm.bias))
        assert np.allclose(found[row], (x - x.mean()) / np.sqrt(x.var()) * weight + bias, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "key", "value", "read"),
    [
        ("MIND", "num_interests", 3, lambda m: m.extractor.num_interests),
        ("MIND", "interest_rounding", "floor", lambda m: m.extractor.rounding),
        ("MIND", "routing_iterations", 2, lambda m: m.extractor.iterations),
        ("MIND", "routing_map_scale", 7.0, lambda m: m.extractor.bilinear[0, 0].item()),
        ("MIND", "label_attention", "hard", lambda m: m.attention.mode),
        ("MIND", "label_power", 2.0, lambda m: m.attention.power),
        ("ComiRec", "num_interests", 3, lambda m: m.extractor.scores.out_features),
        ("ComiRec", "attention_size", 5, lambda m: m.extractor.hidden.out_features),
        ("ComiRec", "interest_positions", "none", lambda m: m.extractor.positions),
        ("ComiRecPlus", "dropout_prob", 0.3, lambda m: m.extractor.block.dropout.p),
        ("TiMiRec", "distillation_temperature", 0.7, lambda m: m.temperature),
        ("TiMiRec", "predictor_layers", 2, lambda m: 1 + (len(m.predictor.output) > 1)),
        ("TiSASRec", "time_span", 9, lambda m: len(m.extractor.blocks[0].key_interval.weight) - 1),
        ("TiSASRec", "n_layers", 2, lambda m: len(m.extractor.blocks)),
        ("TiSASRec", "n_heads", 2, lambda m: m.extractor.blocks[0].heads),
        ("TiSASRec", "dropout_prob", 0.3, lambda m: m.extractor.blocks[0].dropout.p),
    ],
)
def test_a_setting_reaches_the_model(build, name, key, value, read):
    *_, plain = build(name, **SHORT)
    *_, model = build(name, **SHORT, **{key: value})
    assert read(model) == value != read(plain)


def test_minds_initial_logits_have_the_given_deviation(build):
    *_, model = build("MIND", **SHORT, routing_logit_std=5.0)
    assert model.extractor.initial_logits.std() > 2  # 24 draws of deviation 5; the default is .3


def test_comirec_routes_as_often_as_set(build):
    for iterations in (1, 4):
        *_, model = build("ComiRec", **SHORT, extractor="dr", routing_iterations=iterations)
        assert model.extractor.iterations == iterations


def test_many_candidates_are_scored_in_parts(network, monkeypatch):
    """As all items are, whatever the size of a part; without a gradient only."""
    from recbole_iacn.model.retrieval import base

    model, rows = network("ComiRec")
    items = torch.from_numpy(np.random.default_rng(0).integers(1, 41, (12, 9)))
    wanted = model.full_sort_predict(rows).gather(1, items)
    for vectors in (1, 12 * 4, 1 << 18):
        monkeypatch.setattr(base, "_VECTORS", vectors)
        with torch.no_grad():
            torch.testing.assert_close(model.candidate_scores(rows, items), wanted)


def test_divergence_takes_fewer_rows_at_once_with_many_items(network, monkeypatch):
    from recbole_iacn.data import score_blocks

    model, rows = network("ComiRec")
    sizes, original = [], type(model).full_sort_predict
    monkeypatch.setattr(
        type(model), "full_sort_predict", lambda self, some: sizes.append(len(some)) or original(self, some)
    )
    wanted = interest_divergence(model, rows)
    monkeypatch.setattr(score_blocks, "_SCORES", 41 * 2 * 5)
    torch.testing.assert_close(interest_divergence(model, rows), wanted)
    assert sizes[0] == 12 and max(sizes[1:]) <= 5
