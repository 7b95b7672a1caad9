"""Lazy Adam, against an Adam in NumPy and in training."""

import numpy as np
import pytest
import torch
from torch import nn

from recbole_iacn.errors import ConfigError
from recbole_iacn.training import optimizer
from recbole_iacn.training.optimizer import LazyAdam, build


def adam_oracle(weights, gradients, rate=0.1, decays=(0.9, 0.999), epsilon=1e-8):
    """Rows without a gradient in a step stay unchanged, and so do their moments; the step number is that of all rows.
    As in Kingma & Ba, ICLR '15, end of section 2, epsilon is added to the uncorrected root."""
    weights = weights.copy()
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step, rows in enumerate(gradients, start=1):
        for row, gradient in rows.items():
            first[row] = decays[0] * first[row] + (1 - decays[0]) * gradient
            second[row] = decays[1] * second[row] + (1 - decays[1]) * gradient**2
            corrected = first[row] / (1 - decays[0] ** step)
            weights[row] -= rate * (1 - decays[1] ** step) ** 0.5 * corrected / (np.sqrt(second[row]) + epsilon)
    return weights


def train(table, optimizer, steps):
    for rows in steps:
        optimizer.zero_grad()
        ids = torch.tensor(list(rows))
        wanted = torch.tensor(np.array(list(rows.values())))
        (nn.functional.embedding(ids, table.weight, sparse=table.sparse) * wanted).sum().backward()
        optimizer.step()


def steps_over(rows_of):
    rng = np.random.default_rng(0)
    return [{row: rng.normal(size=3) for row in rows} for rows in rows_of]


def test_rows_of_a_batch_are_updated_as_by_adam_and_others_stay_unchanged():
    steps = steps_over([(1, 2), (2,), (4, 1), (2, 4)])
    table = nn.Embedding(6, 3, sparse=True, dtype=torch.float64)
    start = table.weight.detach().numpy().copy()
    train(table, LazyAdam([nn.Parameter(torch.zeros(1))], [table.weight], lr=0.1), steps)
    np.testing.assert_allclose(table.weight.detach(), adam_oracle(start, steps), atol=1e-12)
    assert (table.weight[[0, 3, 5]].detach().numpy() == start[[0, 3, 5]]).all()


@pytest.mark.parametrize("sparse", [True, False])
def test_if_every_row_is_in_the_batch_it_equals_adam(sparse):
    """This also holds if the gradient is dense."""
    steps = steps_over([range(6)] * 4)
    tables = [nn.Embedding(6, 3, sparse=sparse, dtype=torch.float64), nn.Embedding(6, 3, dtype=torch.float64)]
    tables[1].load_state_dict(tables[0].state_dict())
    train(tables[0], LazyAdam([nn.Parameter(torch.zeros(1))], [tables[0].weight], lr=0.1), steps)
    train(tables[1], torch.optim.Adam(tables[1].parameters(), lr=0.1), steps)
    torch.testing.assert_close(tables[0].weight, tables[1].weight, atol=1e-5, rtol=1e-5)  # epsilon is added elsewhere


class Tables(nn.Module):
    def __init__(self):
        super().__init__()
        self.small, self.large, self.layer = nn.Embedding(10, 2), nn.Embedding(100, 2), nn.Linear(2, 1)


@pytest.mark.parametrize(
    ("stock", "rows", "large", "small"),
    [
        (torch.optim.Adam, 50, True, False),
        (torch.optim.Adam, 0, True, True),
        (torch.optim.Adam, 100, True, False),
        (torch.optim.Adam, 101, False, False),
        (torch.optim.Adam, 10, True, True),
        (torch.optim.Adam, 11, True, False),
        (torch.optim.Adam, None, False, False),
        (torch.optim.SGD, 0, False, False),
        (torch.optim.SparseAdam, None, True, True),
        (lambda p, lr: torch.optim.Adam(p, lr, weight_decay=0.1), 0, False, False),
    ],
)
def test_which_tables_are_updated_lazily(stock, rows, large, small):
    model = Tables()
    chosen = build(model, stock(list(model.parameters()), lr=0.2), rows)
    assert (model.large.sparse, model.small.sparse) == (large, small)
    assert isinstance(chosen, LazyAdam) == (large or small)
    assert sorted(p.numel() for g in chosen.param_groups for p in g["params"]) == [1, 2, 20, 200]
    assert {group["lr"] for group in chosen.param_groups} == {0.2}


def batch_and_gradients(build_model, name, rows):
    """Loss, and every parameter's gradient, of the first batch."""
    from recbole_iacn.training.trainer import IaCNTrainer

    config, train_data, _, _, model = build_model(name, sparse_embedding_rows=rows, train_neg_sample_args=...)
    trainer = IaCNTrainer(config, model)
    torch.manual_seed(0)
    loss = sum(model.calculate_loss(next(iter(train_data))))
    loss.backward()
    return trainer, loss.item(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", ["DIN", "DIEN", "WideDeep", "FFM", "xDeepFM", "DSSM"])
def test_sparse_gradients_are_the_dense_ones(build, name):
    _, dense_loss, dense = batch_and_gradients(build, f"{name}_IaCN", None)
    trainer, loss, sparse = batch_and_gradients(build, f"{name}_IaCN", 0)
    assert loss == pytest.approx(dense_loss, abs=1e-6)
    assert any(gradient.is_sparse for gradient in sparse.values())
    for parameter, gradient in sparse.items():
        torch.testing.assert_close(gradient.to_dense() if gradient.is_sparse else gradient, dense[parameter])
    trainer.optimizer.step()


@pytest.mark.slow
def test_resumed_equals_uninterrupted(build):
    from recbole_iacn.training.trainer import IaCNTrainer

    def trained(epochs, resume=None):
        config, train_data, valid, _, model = build(sparse_embedding_rows=0, epochs=epochs)
        trainer = IaCNTrainer(config, model)
        if resume:
            trainer.resume_checkpoint(resume)
        trainer.fit(train_data, valid, verbose=False)
        return trainer

    whole = trained(3)
    half = trained(2)
    half._save_checkpoint(1, verbose=False, saved_model_file="half.pth")
    continued = trained(3, "half.pth")
    for one, other in zip(whole.model.parameters(), continued.model.parameters()):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("before", "after"), [(0, None), (None, 0)])
def test_another_optimizers_state_is_rejected(build, before, after):
    from recbole_iacn.training.trainer import IaCNTrainer

    config, *_, model = build(sparse_embedding_rows=before)
    IaCNTrainer(config, model)._save_checkpoint(0, verbose=False, saved_model_file="other.pth")
    config, *_, model = build(sparse_embedding_rows=after)
    message = r"other\.pth: contains the state of another optimizer.*sparse_embedding_rows to the values"
    with pytest.raises(ConfigError, match=message):
        IaCNTrainer(config, model).resume_checkpoint("other.pth")


def test_sparse_adam_with_clipping_is_rejected(build):
    with pytest.raises(ConfigError, match="clip_grad_norm"):
        build(learner="sparse_adam", clip_grad_norm={"max_norm": 1.0})


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad])
def test_a_step_is_that_of_recboles_choice(kind):
    """AdamW's defaults name a setting that its constructor does not accept."""
    layer, other = nn.Linear(3, 2), nn.Linear(3, 2)
    other.load_state_dict(layer.state_dict())
    stock = kind(layer.parameters(), lr=0.1, weight_decay=0.2)
    ours = optimizer.build(other, kind(other.parameters(), lr=0.1, weight_decay=0.2), None)
    for one, chosen in ((layer, stock), (other, ours)):
        one(torch.ones(1, 3)).sum().backward()
        chosen.step()
    assert type(ours) is kind
    torch.testing.assert_close(other.weight, layer.weight)
