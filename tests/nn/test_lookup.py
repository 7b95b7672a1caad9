"""Look-ups of rows and lists: values and gradients against plain loops."""

import numpy as np
import pytest
import torch
from torch import nn

from recbole_iacn.nn import lookup
from recbole_iacn.nn.lookup import Bags, Lists, distinct_rows, look_up, take

PADDED = torch.tensor([[3, 0, 1], [0, 0, 0], [2, 2, 0], [0, 4, 0]])


def means(rows, lists):
    return np.array(
        [rows[[i for i in ids if i]].mean(axis=0) if any(ids) else np.zeros(rows.shape[1]) for ids in lists]
    )


@pytest.mark.parametrize("items", [[0, 1, 2, 3], [2, 0, 2], [1], []])
def test_lists_are_averaged_without_their_padding(items):
    """Empty lists, an id twice in a list, padding in between, a list twice."""
    rows = torch.randn(5, 2, dtype=torch.float64)
    found = Lists(PADDED)[torch.tensor(items, dtype=torch.long)].mean(rows)
    np.testing.assert_allclose(found, means(rows.numpy(), PADDED[items].tolist()).reshape(-1, 2), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_distinct_rows(seed):
    """As many as NumPy finds, and every row is one of its kind; rows that only differ in their order do differ."""
    random = np.random.default_rng(seed)
    ids = torch.from_numpy(random.integers(0, 3, (200, 4)))
    kinds, place = distinct_rows(ids)
    assert len(kinds) == len(np.unique(ids.numpy(), axis=0)) < 82
    assert torch.equal(ids[kinds][place], ids)


def test_distinct_rows_that_collide(monkeypatch):
    """Rows of one number are told apart all the same."""
    monkeypatch.setattr(lookup, "_ODD", 1)
    ids = torch.tensor([[1, 2], [2, 1], [1, 2]])
    kinds, place = distinct_rows(ids)
    assert torch.equal(ids[kinds][place], ids)


def test_gradients_of_means_against_finite_differences():
    rows = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Bags.of(PADDED).mean, (rows,))


@pytest.mark.parametrize(
    "read", [lambda table: look_up(PADDED, table), lambda table: Bags.of(PADDED).mean(table.weight, table.sparse)]
)
def test_sparse_gradients_hold_the_rows_read(read):
    tables = [nn.Embedding(6, 2, sparse=sparse) for sparse in (True, False)]
    tables[0].load_state_dict(tables[1].state_dict())
    for table in tables:
        (read(table) * torch.arange(2.0)).sum().backward()
    sparse, dense = (table.weight.grad for table in tables)
    assert sparse.is_sparse and not dense.is_sparse
    torch.testing.assert_close(sparse.to_dense(), dense)
    assert (dense[5] == 0).all() and (dense[1:5, 1] > 0).all()


@pytest.mark.parametrize("index", [torch.tensor([2, 0, 2]), PADDED, torch.zeros(0, dtype=torch.long)])
def test_take_is_indexing(index):
    rows = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.equal(take(rows, index), rows[index])
    if len(index):
        assert torch.autograd.gradcheck(lambda rows: take(rows, index), (rows,))
