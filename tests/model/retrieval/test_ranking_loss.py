"""The setting ``loss``: its candidates and values by NumPy, for every model of the family."""

import numpy as np
import pytest
import torch
from helpers import SHORT_RANKING

from recbole_iacn.errors import ConfigError
from recbole_iacn.model.retrieval.ranking_loss import Others, RankingLoss
from recbole_iacn.names import FAMILY

FULL = {**SHORT_RANKING, "protocol": "leave_one_out_full", "eval_negatives": ...}
CAUSAL = ["YouTubeDNN", "TiSASRec"]


@pytest.fixture
def network(build):
    """A model with weights that distinguish items, and a batch of its training rows."""

    def make(name, **changes):
        _, train, _, _, model = build(name, **{**FULL, **changes})
        torch.manual_seed(0)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        return model.eval(), next(iter(train))

    return make


def readers(model, batch):
    """The vector that scores in training, for each row; and the table of items."""
    with torch.no_grad():
        behaviors = model.embed(batch["item_id_list"])
        interests, active = model.extract(batch, behaviors)
        if getattr(model, "predicts", False):
            users = model._foreseen(interests, active, batch)[0]
        else:
            users = model.reader(interests, active, model.embed(batch["item_id"]))
        return users.double().numpy(), model.item_embedding.weight.double().numpy()


def cross_entropy(scores, place):
    return np.mean([np.log(np.exp(row).sum()) - row[own] for row, own in zip(scores, place)])


@pytest.mark.parametrize("name", list(FAMILY))
def test_the_full_softmax_of_every_model_by_numpy(network, name):
    """Padding is no item. TiMiRec's two stages have the same loss; here is the second's."""
    joint = {"stages": "joint"} if name.startswith("TiMiRec") else {}
    model, batch = network(name, loss="softmax", softmax_temperature=0.7, rows="prefixes", **joint)
    users, items = readers(model, batch)
    with torch.no_grad():
        found = model.calculate_loss(batch)
    main = found[0] if isinstance(found, tuple) else found
    expected = cross_entropy(users @ items[1:].T / 0.7, batch["item_id"].numpy() - 1)
    assert main.item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("source", ["uniform", "popularity", "batch"])
@pytest.mark.parametrize("corrected", [True, False])
def test_the_sampled_softmax_by_numpy(network, monkeypatch, source, corrected):
    model, batch = network("ComiRec", train_negatives=9, train_negatives_from=source, logq_correction=corrected)
    drawn = torch.tensor([4, 2, 2, 7, 1, 9, 7, 7, 3])
    if source == "batch":  # its targets are draws: as many as it has
        drawn = batch["item_id"][torch.randperm(len(batch["item_id"]))]
        model.ranking_loss.draws = 1000
    monkeypatch.setattr(RankingLoss, "_draw", lambda loss, targets: drawn)
    users, items = readers(model, batch)
    ids, own = np.unique(drawn), batch["item_id"].numpy()
    losses = []
    for user, target in zip(users, own):
        candidates = np.array([target, *ids[ids != target]])
        scores = items[candidates] @ user
        if corrected and source != "uniform":
            q = model.ranking_loss.share.double().numpy()[candidates]
            draws = 9 if source == "popularity" else len(own)
            with np.errstate(divide="ignore"):
                scores = scores - np.log(1 - (1 - q) ** draws)
        losses.append(np.log(np.exp(scores).sum()) - scores[0])
    with torch.no_grad():
        assert model.calculate_loss(batch).item() == pytest.approx(np.mean(losses), abs=1e-4)


def made_loss(**changes):
    """A loss over 6 items, of which item 1 is a target four times, 2 three times, 3 once, and the others never."""
    from types import SimpleNamespace

    settings = {
        **{"loss": "sampled_softmax", "train_negatives": 5, "train_negatives_from": "popularity"},
        **{
            "logq_correction": True,
            "softmax_temperature": 1.0,
            "hard_negatives": 0.0,
            "item_dropout_prob": 0.0,
            "negative_items": "catalogue",
        },
        **changes,
    }
    rows = {"user_id": torch.ones(8, dtype=torch.long), "item_id": torch.tensor([1, 1, 2, 1, 3, 2, 1, 2])}
    return RankingLoss(settings, SimpleNamespace(item_num=7, inter_feat=rows, uid_field="user_id", iid_field="item_id"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [("uniform", [1 / 6] * 6), ("popularity", [4 / 8, 3 / 8, 1 / 8, 0, 0, 0]), ("batch", [0, 0, 0, 0.25, 0, 0.75])],
)
def test_where_negatives_are_drawn_from(source, expected):
    """The mean of many draws is within four standard errors of the shares."""
    loss = made_loss(train_negatives=4000, train_negatives_from=source)
    torch.manual_seed(0)
    drawn = loss._draw(torch.tensor([6, 4, 6, 6]).repeat(2000))
    share = np.bincount(drawn.numpy(), minlength=7)[1:] / 4000
    assert np.allclose(share, expected, atol=4 * np.sqrt(0.25 / 4000))


def test_logq_by_hand():
    """Item 2 is among 5 draws with probability 1 - (5/8)^5; without the correction, and where all items are drawn
    equally, there is none."""
    others = made_loss(logq_correction=None)._correction(torch.tensor([2, 1]), 5)  # None: of RecBole's models
    assert others.tolist() == pytest.approx([-np.log(1 - (5 / 8) ** 5), -np.log(1 - (4 / 8) ** 5)], rel=1e-6)
    for changes in ({"logq_correction": False}, {"train_negatives_from": "uniform"}):
        found = made_loss(**changes).others(torch.tensor([2, 1, 1]))
        assert found.bias is None and found.own_bias is None


def test_logq_is_the_default_of_recboles_models_too():
    """Theirs is None, which no model of the family has."""
    found = made_loss(logq_correction=None).others(torch.tensor([2, 1, 1]))
    assert found.bias is not None and found.own_bias is not None


def test_targets_of_whole_histories_all_count_for_popularity(build):
    """As many as of a row per click, not each row's last alone."""
    given = {**FULL, "train_negatives_from": "popularity"}
    prefixes, histories = (build("TiSASRec", **{**given, "rows": rows}) for rows in ("prefixes", "histories"))
    clicked = prefixes[1]._dataset.inter_feat["item_id"]
    count = torch.bincount(clicked, minlength=prefixes[4].n_items)
    for *_, model in (prefixes, histories):
        torch.testing.assert_close(model.ranking_loss.share, count / count.sum())


def test_of_a_batch_of_targets_any_may_be_drawn():
    loss, targets = made_loss(train_negatives_from="batch", train_negatives=3), torch.arange(1, 7)
    torch.manual_seed(0)
    drawn = [loss._draw(targets).tolist() for _ in range(50)]
    assert {item for some in drawn for item in some} == set(range(1, 7))
    assert all(len(set(some)) == 3 for some in drawn)


def test_hard_negatives_reach_the_loss():
    """Two candidates beside the target: the nearer one weighs exp(β s) of their mean; a full softmax has none."""
    torch.manual_seed(0)
    users, own, candidates = torch.randn(1, 4), torch.randn(1, 4), torch.randn(2, 4)
    others = Others(torch.tensor([2, 3]), torch.tensor([-1]))
    own_score, scores = (users @ own.T).item(), (users @ candidates.T)[0].numpy().astype(float)
    for hardness in (0.0, 1.5):
        loss = made_loss(train_negatives_from="uniform", hard_negatives=hardness)
        weights = np.exp(hardness * scores) / np.exp(hardness * scores).mean()
        expected = np.log(np.exp(own_score) + (weights * np.exp(scores)).sum()) - own_score
        assert loss(users, own, candidates, others).item() == pytest.approx(expected, abs=1e-5)
    assert made_loss(loss="softmax", hard_negatives=1.5).hardness == 0


def test_candidates_are_distinct_and_never_the_rows_own():
    loss = made_loss(train_negatives=50)
    targets = torch.tensor([1, 2, 3, 6])
    found = loss.others(targets)
    assert found.ids.tolist() == [1, 2, 3] and found.column.tolist() == [0, 1, 2, -1]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", ["softmax", "sampled_softmax"])
def test_the_loss_learns_the_same_by_a_sparse_table(sparse, name):
    """Of rows that are looked up, and of the whole table."""
    loss = made_loss(loss=name, train_negatives_from="uniform")
    torch.manual_seed(1)
    table = torch.nn.Embedding(7, 3, sparse=sparse)
    targets = torch.tensor([1, 5, 5])
    others = loss.others(targets)
    own, candidates = loss.embed(table, others, targets)
    loss(torch.ones(3, 3), own, candidates, others).backward()
    gradient = table.weight.grad
    assert gradient.is_sparse == sparse
    gradient = gradient.to_dense()
    weight = table.weight.detach().double().requires_grad_()
    kept = others.ids
    scores = torch.ones(3, 3).double() @ weight[kept].T
    scores = scores.masked_fill(targets.unsqueeze(1) == kept, -torch.inf)
    wanted = torch.cat([(weight[targets]).sum(dim=1, keepdim=True), scores], dim=1)
    torch.nn.functional.cross_entropy(wanted, torch.zeros(3, dtype=torch.long)).backward()
    assert np.allclose(gradient, weight.grad, atol=1e-6)


@pytest.mark.parametrize("loss", ["bpr", "softmax"])
@pytest.mark.parametrize("name", CAUSAL)
def test_the_loss_of_histories_is_the_mean_over_their_places(network, name, loss):
    """YouTubeDNN's states are those of the history up to each place; TiSASRec counts positions from the end."""
    model, batch = network(name, rows="histories", loss=loss)
    history, clicked = batch["item_id_list"], batch["item_id"]
    with torch.no_grad():
        states = model.states(model.embed(history), batch).double().numpy()
        found = model.calculate_loss(batch).item()
    items, losses = model.item_embedding.weight.detach().double().numpy(), []
    for row, (ids, target) in enumerate(zip(history.tolist(), clicked.tolist())):
        real = [one for one in ids if one] + [target]
        for place in range(1, len(real)):
            scores = items @ states[row, place - 1]
            if loss == "bpr":
                other = scores[batch["neg_item_id"][row, place - 1]]
                losses.append(np.log1p(np.exp(other - scores[real[place]])))
            else:
                losses.append(np.log(np.exp(scores[1:]).sum()) - scores[real[place]])
    assert found == pytest.approx(np.mean(losses), abs=1e-4)


@pytest.mark.parametrize("name", CAUSAL)
def test_states_depend_on_nothing_behind_them(network, name):
    """The last state is the vector that serves; a change of later clicks changes no earlier state."""
    model, batch = network(name, rows="histories")
    history = batch["item_id_list"]
    lengths = (history != 0).sum(dim=1)
    with torch.no_grad():
        states = model.states(model.embed(history), batch)
        users = model.users(batch)[0][:, 0]
        assert torch.allclose(states[torch.arange(len(history)), lengths - 1], users, atol=1e-5)
        row = int(lengths.argmax())
        changed = history.clone()
        changed[row, lengths[row] - 1] = 1 + changed[row, lengths[row] - 1] % (model.n_items - 1)
        other = model.states(model.embed(changed), batch)
    assert torch.allclose(states[row, : lengths[row] - 1], other[row, : lengths[row] - 1], atol=1e-6)
    assert not torch.allclose(states[row, lengths[row] - 1], other[row, lengths[row] - 1], atol=1e-3)


def test_youtubednn_learns_the_same_from_histories(network):
    """Its states are those of the prefixes, so the mean over all targets is equal."""
    losses = []
    for rows in ("prefixes", "histories"):
        model, batch = network("YouTubeDNN", rows=rows, loss="softmax", MAX_ITEM_LIST_LENGTH=50, train_batch_size=10**6)
        losses.append(model.calculate_loss(batch).item())
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["bpr", "sampled_softmax", "softmax"])
@pytest.mark.parametrize("name", [*FAMILY, "SASRec", "GRU4Rec"])
def test_every_model_trains_with_every_loss(build, name, loss):
    """Steps of one batch lower its loss."""
    changes = {**FULL, "loss": loss, "metrics": ["NDCG"], "valid_metric": "NDCG@5"}
    if name in ("SASRec", "GRU4Rec"):
        changes.update(rows="histories", hidden_size=8, inner_size=16, dropout_prob=0.1)
    _, train, _, _, model = build(name, **changes)
    batch = next(iter(train))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    seen = []
    for _ in range(25):
        torch.manual_seed(0)
        losses = model.calculate_loss(batch)
        total = sum(losses) if isinstance(losses, tuple) else losses
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        seen.append(total.item())
    assert seen[-1] < 0.97 * seen[0]


@pytest.mark.parametrize("name", ["softmax", "sampled_softmax"])
def test_an_item_has_one_mask_wherever_it_stands(name):
    """In training; a quarter of the entries is 0, the others are 4 / 3 of what they were."""
    loss = made_loss(loss=name, train_negatives_from="uniform", train_negatives=60, item_dropout_prob=0.25)
    torch.manual_seed(0)
    table = torch.nn.Embedding(7, 400)
    history, targets = torch.tensor([[1, 2, 0], [3, 3, 1]]), torch.tensor([3, 5])
    others = loss.others(targets)
    assert others.ids.tolist() == [1, 2, 3, 4, 5, 6]
    behaviors, own, candidates = loss.embed(table, others, history, targets)
    for found, item in ((behaviors[0, 0], 1), (behaviors[1, 2], 1), (behaviors[1, 0], 3), (own[0], 3), (own[1], 5)):
        assert torch.equal(found, candidates[item - 1])
    kept = candidates != 0
    assert torch.allclose(candidates[kept], table.weight[1:][kept] / 0.75)
    assert abs(kept.float().mean().item() - 0.75) < 4 * (0.25 * 0.75 / 2400) ** 0.5
    behaviors, own, candidates = loss.eval().embed(table, others, history, targets)
    assert torch.equal(candidates, table.weight[1:]) and torch.equal(behaviors, table.weight[history])


def test_what_a_batch_holds_is_drawn_once_and_corrected_by_how_likely_it_was_there():
    """4,000 batches of 8 targets by the shares 4/8, 3/8 and 1/8, and 3 of each drawn: an item is among the candidates
    as often as exp(-correction) says, within four standard errors."""
    loss = made_loss(train_negatives=3, train_negatives_from="batch")
    torch.manual_seed(0)
    found = np.zeros(4)
    for _ in range(4000):
        targets = 1 + torch.multinomial(torch.tensor([4.0, 3.0, 1.0]), 8, replacement=True)
        others = loss.others(targets)
        found[others.ids.numpy()] += 1
    expected = np.exp(-loss._correction(torch.tensor([1, 2, 3]), 3).numpy())
    assert np.allclose(found[1:] / 4000, expected, atol=4 * np.sqrt(0.25 / 4000))
    assert len(loss._draw(torch.tensor([5, 5]))) == 2


@pytest.mark.parametrize(
    ("model", "changes", "line"),
    [
        ("REMI", {"loss": "softmax"}, "Settings without effect: hard_negatives with loss: softmax"),
        ("ComiRec", {"loss": "bpr", "train_negatives": 5}, "Settings without effect: train_negatives with loss: bpr"),
        (
            "ComiRec",
            {"logq_correction": True},
            "Settings without effect: logq_correction with train_negatives_from: uniform, which draws all items "
            "equally",
        ),
        ("ComiRec", {"hard_negatives": 1.0}, None),
        (
            "ComiRec",
            {"interest_diversity_weight": 0.5},
            "Settings without effect: interest_diversity_weight without interest_diversity",
        ),
        (
            "REMI",
            {"interest_diversity": "none", "interest_diversity_weight": 0.5, "loss": "bpr", "hard_negatives": 0.0},
            "Settings without effect: hard_negatives with loss: bpr; interest_diversity_weight without "
            "interest_diversity",
        ),
        (
            "ComiRec",
            {"interest_diversity": "cosine", "interest_diversity_weight": 0.0},
            "Settings without effect: interest_diversity with interest_diversity_weight: 0",
        ),
        ("ComiRec", {"interest_diversity": "cosine", "interest_diversity_weight": 0.5}, None),
    ],
)
def test_settings_that_a_loss_does_not_read_are_said(build, caplog, model, changes, line):
    build(model, **{**FULL, **changes})
    said = [record.getMessage() for record in caplog.records if "without effect" in record.getMessage()]
    assert said == ([line] if line else [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train_negatives": 1000}, True),
        ({"train_negatives": 200}, False),
        ({"train_negatives": 1000, "train_negatives_from": "popularity"}, False),
        ({}, False),
    ],
)
def test_more_draws_than_a_full_softmax_are_said(build, caplog, changes, said):
    *_, model = build("ComiRec", **{**FULL, **changes})
    wanted = f"train_negatives: 1000 draws have nearly all of the {model.n_items - 1} items; loss: softmax has them in "
    assert any(record.getMessage() == wanted + "less time" for record in caplog.records) == said


def test_a_batch_of_one_row_has_no_other_target(build):
    given = {**FULL, "train_negatives_from": "batch", "train_batch_size": 1}
    with pytest.raises(
        ConfigError, match="train_negatives_from: batch: the only item of a batch of one row is its own"
    ):
        build("ComiRec", **given)
    build("YouTubeDNN", **given)  # a row is a history of several items
