"""DIN_IaCN: equal to stock DIN when off; the gradient rule; the auxiliary task learns the planted interests."""

import pytest
import torch
from helpers import assert_computes_the_same, give_same_weights, write_atomic

PROTOCOL = {"protocol": "leave_one_out_ctr"}


def first_batch(train):
    return next(iter(train))


def auxiliary_rows(model):
    layer = model.embedding_layer
    start = int(layer.token_field_offsets["item"][1])
    return layer.token_embedding_table["item"].embedding.weight, start


@pytest.mark.parametrize("pooling", ["mean", "max", "sum"])
def test_off_computes_what_stock_din_computes(build, pooling):
    _, train, _, _, stock = build("DIN", pooling_mode=pooling, **PROTOCOL)
    _, _, _, _, ours = build(iacn_mode="off", pooling_mode=pooling)
    give_same_weights(ours, stock)
    assert_computes_the_same(ours, stock, first_batch(train), tolerance=1e-6)


def test_off_equals_stock_with_numerical_item_features(build, tmp_path):
    write_atomic(tmp_path, "prices")
    path = tmp_path / "prices" / "prices.item"
    head, *lines = path.read_text().splitlines()
    rows = [f"{line}\t{i * 0.5}\t{i} {i + 1}" for i, line in enumerate(lines)]
    path.write_text("\n".join([f"{head}\tprice:float\tsizes:float_seq", *rows]) + "\n")
    options = {
        "dataset": "prices",
        "data_path": str(tmp_path),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories", "price", "sizes"]},
        "numerical_features": ["price", "sizes"],
    }
    _, train, _, _, stock = build("DIN", **PROTOCOL, **options)
    *_, ours = build(iacn_mode="off", **options)
    ours.load_state_dict(stock.state_dict())
    batch = first_batch(train)
    assert torch.allclose(ours.predict(batch), stock.predict(batch), atol=1e-6)


def test_off_has_no_auxiliary_parameter_and_width_no_capsule(build):
    models = {mode: build(iacn_mode=mode, iacn_item_features=[])[-1] for mode in ("off", "width", "full")}
    size = {mode: sum(p.numel() for p in model.parameters()) for mode, model in models.items()}
    assert size["off"] < size["width"] < size["full"]
    assert not any("iacn" in name for name, _ in models["width"].named_parameters())
    assert models["full"].dnn_list == models["width"].dnn_list
    assert models["full"].dnn_list[0] == models["off"].dnn_list[0] + 3 * models["off"].embedding_size


@pytest.mark.parametrize("features", [[], ["categories"]])
@pytest.mark.parametrize("delta", [0.0, 0.3, 1.0])
def test_gradient_of_the_auxiliary_embedding_is_the_papers_mixture(build, delta, features):
    *_, train, _, _, model = build(iacn_delta=delta, iacn_lambda=0.7, iacn_item_features=features, iacn_negatives=5)
    batch = first_batch(train)
    weight, start = auxiliary_rows(model)
    tables = [(weight, slice(start, None))]
    if features:
        names = model.embedding_layer.token_seq_field_names["item"]
        table = model.embedding_layer.token_seq_embedding_table["item"][names.index("categories_auxiliary")]
        tables.append((table.weight, slice(None)))

    def passes(mixed_delta_main, mixed_delta_aux):
        """Gradients of each loss alone, with the mixture switched off."""
        model.embedding_layer.main_weight = mixed_delta_main
        model.iacn_delta = 1 - mixed_delta_aux
        torch.manual_seed(3)
        main, auxiliary = model.calculate_loss(batch)
        weights = [table for table, _ in tables]
        g_main = torch.autograd.grad(main, weights, retain_graph=True)
        g_auxiliary = torch.autograd.grad(auxiliary, weights, allow_unused=True)
        return g_main, g_auxiliary

    g_main, g_auxiliary = passes(1.0, 1.0)
    model.embedding_layer.main_weight, model.iacn_delta = delta, delta
    model.zero_grad()
    torch.manual_seed(3)
    sum(model.calculate_loss(batch)).backward()
    for (table, rows), main, auxiliary in zip(tables, g_main, g_auxiliary):
        assert auxiliary[rows].abs().sum() > 0 and main[rows].abs().sum() > 0
        mixture = (1 - delta) * auxiliary[rows] + delta * main[rows]
        assert torch.allclose(table.grad[rows], mixture, atol=1e-6)


def test_the_original_embedding_gets_no_gradient_from_the_auxiliary_task(build):
    *_, train, _, _, model = build(iacn_item_features=["categories"], iacn_delta=0.3)
    batch = first_batch(train)
    auxiliary = model.calculate_loss(batch)[1]
    auxiliary.backward()
    weight, start = auxiliary_rows(model)
    assert (weight.grad[:start] == 0).all()
    assert weight.grad[start:].abs().sum() > 0
    touched = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert all("embedding_layer" in name or name.startswith("tasks.iacn.") for name in touched), touched


def test_only_positive_rows_enter_the_auxiliary_loss(build):
    *_, train, _, _, model = build()
    batch = first_batch(train)
    torch.manual_seed(0)
    (loss,) = model.auxiliary_losses(batch)
    changed = batch.to("cpu")
    negative = changed["label"] == 0
    changed["item_id"] = torch.where(negative, 1 + changed["item_id"] % 39, changed["item_id"])
    changed["item_id_list"] = torch.where(negative.unsqueeze(1), torch.ones(1, dtype=torch.long), batch["item_id_list"])
    torch.manual_seed(0)
    assert torch.equal(model.auxiliary_losses(changed)[0], loss)


def test_auxiliary_embedding_reads_id_and_features(build):
    """c = mean(E_aux(item), mean over its real categories), by hand."""
    *_, model = build(iacn_item_features=["categories"])
    layer = model.embedding_layer
    weight, start = auxiliary_rows(model)
    names = layer.token_seq_field_names["item"]
    categories = layer.token_seq_embedding_table["item"][names.index("categories_auxiliary")].weight
    for item in (1, 5, 12):
        ids = layer.item_feat["categories"][item]
        ids = ids[ids > 0]
        pooled = categories[ids].mean(0) if len(ids) else torch.zeros(8)
        expected = (weight[start + item] + pooled) / 2
        assert torch.allclose(layer.auxiliary(torch.tensor([item]))[0], expected, atol=1e-6)


def test_user_profile_reaches_the_interests_and_shares_no_table(build):
    *_, train, _, _, model = build(iacn_user_profile=["age"])
    batch = first_batch(train)
    model.auxiliary_losses(batch)[0].backward()
    assert model.tasks["iacn"].profile_embedding["age"].weight.grad.abs().sum() > 0
    user_table = model.embedding_layer.token_embedding_table["user"].embedding.weight
    assert user_table.grad is None or (user_table.grad == 0).all()


def test_prediction_needs_no_capsule(build):
    *_, test, model = build()
    batch = next(iter(test))[0]
    model.eval()
    scores = model.predict(batch)
    model.tasks.clear()
    assert torch.equal(model.predict(batch), scores)


def test_prediction_ignores_what_is_beyond_the_history(build):
    *_, test, model = build(MAX_ITEM_LIST_LENGTH=20)
    batch = next(iter(test))[0]
    model.eval()
    scores = model.predict(batch)
    beyond = torch.arange(20) >= batch["item_length"].unsqueeze(1)
    assert beyond.any()
    batch["item_id_list"] = torch.where(beyond, torch.tensor(3), batch["item_id_list"])
    assert torch.allclose(model.predict(batch), scores, atol=1e-6)


def test_full_sort_predict_equals_predict_item_by_item(build):
    *_, test, model = build()
    model.eval()
    rows = test._dataset[torch.arange(3)]
    scores = model.full_sort_predict(rows)
    assert scores.shape == (3, model.n_items)
    for item in (1, 17, 40):
        rows["item_id"] = torch.full((3,), item)
        assert torch.allclose(model.predict(rows), scores[:, item], atol=1e-6)


def test_copying_the_model_does_not_copy_the_data(build):
    *_, model = build()
    assert model.embedding_layer.dataset is None


@pytest.mark.parametrize("weights", [True, False])
def test_attention_over_an_empty_history_is_zero(weights):
    from recbole_iacn.model.click.din_attention import PackedSequenceAttention

    layer = PackedSequenceAttention(torch.arange(3).view(1, -1), [16, 8], "Sigmoid", True, weights)
    found = layer(torch.ones(2, 4), torch.ones(2, 3, 4), torch.tensor([2, 0]))
    assert (found[1] == 0).all() and (found[0] > 0).any()
    assert not weights or found[0, 0, :2].sum().item() == pytest.approx(1)


@pytest.mark.slow
def test_training_learns_the_planted_interests(build):
    """Users click in two of four item clusters: E_auxiliary must separate the clusters, without categories."""
    from recbole.utils import get_trainer

    config, train, valid, _, model = build(
        epochs=30, learning_rate=0.01, load_col={"inter": ["user_id", "item_id", "timestamp"]}, iacn_delta=0.0
    )
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    trainer.fit(train, valid, verbose=False, saved=False)
    tokens = train._dataset.field2id_token["item_id"][1:]
    cluster = torch.tensor([int(token[1:]) % 4 for token in tokens])
    vectors = torch.nn.functional.normalize(model.embedding_layer.auxiliary(torch.arange(1, len(tokens) + 1)), dim=1)
    similarity = (vectors @ vectors.T).detach()
    same = (cluster.unsqueeze(0) == cluster.unsqueeze(1)).fill_diagonal_(False)
    other = cluster.unsqueeze(0) != cluster.unsqueeze(1)
    assert similarity[same].mean() > similarity[other].mean() + 0.2
    assert trainer.evaluate(valid, load_best_model=False)["auc"] > 0.65


@pytest.mark.parametrize("backbone", ["DIN", "DIEN"])
def test_a_backbone_with_a_score_of_its_own_keeps_it(build, backbone):
    """The packed forward pass replaces only RecBole's."""
    from recbole.utils import get_model

    import recbole_iacn

    base = get_model(backbone)

    def louder(self, *rows):
        result = base.forward(self, *rows)
        return (result[0] + 1, result[1]) if isinstance(result, tuple) else result + 1

    *_, test, model = build(recbole_iacn.interest_aware(type(f"Louder{backbone}", (base,), {"forward": louder})))
    *_, train, _, _, plain = build(f"{backbone}_IaCN")
    plain.load_state_dict(model.state_dict())
    model.eval(), plain.eval()
    batch = next(iter(test))[0]
    assert torch.allclose(torch.logit(model.predict(batch)), torch.logit(plain.predict(batch)) + 1, atol=1e-5)
    model.train()
    assert torch.isfinite(sum(model.calculate_loss(next(iter(train)))))


@pytest.mark.parametrize("backbone", ["DIN", "DIEN", "WideDeep"])
def test_what_the_backbone_embedded_serves_the_task_within_a_step_only(build, backbone):
    *_, train, _, _, model = build(f"{backbone}_IaCN")
    batch, tables = first_batch(train), model.item_tables
    history, others = batch["item_id_list"], torch.arange(model.n_items)
    fresh = tables.auxiliary(history), tables.auxiliary(others)
    model.calculate_loss(batch)
    assert tables.left is None
    with tables.sharing():
        model.predict(batch)
        assert "auxiliary" in tables.left
        assert torch.allclose(tables.auxiliary(history), fresh[0], atol=1e-7)
        assert torch.allclose(tables.auxiliary(others), fresh[1], atol=1e-7)  # not all of them were embedded
    assert tables.left is None
    with torch.no_grad():  # as an optimizer does
        for parameter in model.parameters():
            parameter.mul_(2)
    assert torch.allclose(tables.auxiliary(history), 2 * fresh[0], atol=1e-6)


@pytest.mark.parametrize("change", ["step", "load", "set"])
def test_scores_follow_the_weights(build, change):
    """In evaluation the vectors of all items are kept, but only until the weights change."""
    *_, test, model = build()
    batch = next(iter(test))[0]
    model.eval()
    with torch.no_grad():
        before = model.predict(batch)
        assert model.embedding_layer._catalogue[1] is not None
        kept = model.predict(batch)
    weight = model.embedding_layer.token_embedding_table["item"].embedding.weight
    changed = {**model.state_dict(), "embedding_layer.token_embedding_table.item.embedding.weight": weight + 1}
    if change == "step":
        weight.grad = -torch.ones_like(weight)
        torch.optim.SGD([weight], lr=1.0).step()
    elif change == "load":
        model.load_state_dict(changed)
    else:
        weight.data += 1  # not counted by PyTorch's version counter
        model.eval()
    with torch.no_grad():
        after = model.predict(batch)
    exact = model.predict(batch)  # with gradients nothing is kept
    assert torch.equal(before, kept) and not torch.allclose(before, after)
    torch.testing.assert_close(after, exact.detach())


def test_few_items_are_read_from_what_is_kept_of_all(build, monkeypatch):
    """A service scores some hundred candidates at a time: their categories need not be pooled for each request."""
    *_, test, model = build(MAX_ITEM_LIST_LENGTH=3)
    rows, items = test._dataset[torch.arange(1)], torch.tensor([[5, 9, 1]])
    layer, embedded = type(model.embedding_layer), []
    item_field = layer.item_field
    monkeypatch.setattr(
        layer, "item_field", lambda self, name, ids: embedded.append(len(ids)) or item_field(self, name, ids)
    )
    model.eval()
    with torch.no_grad():
        before = model.candidate_scores(rows, items)
        assert model.embedding_layer._catalogue[1] is None  # too few to embed all for
        everything = model.full_sort_predict(rows)
        assert max(embedded) == model.n_items
        embedded.clear()
        with_kept = model.candidate_scores(rows, items)
    assert not embedded
    torch.testing.assert_close(with_kept, before)
    torch.testing.assert_close(with_kept, everything.gather(1, items))


def test_recboles_layers_are_those_that_are_computed_in_blocks(build):
    """A change of their order or kind would silently cost the speed; other activations take the layers as they are."""
    from recbole_iacn.model.click.din_attention import PackedSequenceAttention, _has_two_sigmoids

    def layers_of(attention):
        return list(attention.att_mlp_layers.mlp_layers)[2:]

    for name in ("DIN_IaCN", "DIEN_IaCN"):
        found = [one for one in build(name)[-1].modules() if isinstance(one, PackedSequenceAttention)]
        assert found and all(_has_two_sigmoids(layers_of(one)) for one in found)
    other = PackedSequenceAttention(torch.arange(3).view(1, -1), [16, 8, 4], "relu", False, False)
    assert not _has_two_sigmoids(layers_of(other))
