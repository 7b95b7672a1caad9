"""DIN's activation unit: values against NumPy, gradients against PyTorch's numerical ones, the same in any blocks."""

import numpy as np
import pytest
import torch

from recbole_iacn.nn import activation_unit
from recbole_iacn.nn.activation_unit import hidden_of_pairs, weighted_sum

ROW, ITEM = (
    torch.tensor([0, 0, 0, 2, 2, 3, 3]),
    torch.tensor([4, 1, 4, 0, 2, 2, 1]),
)  # query 1 has no pair, key 3 neither
SHAPES = ((4, 6), (5, 6), (4, 3), (5, 3), (6, 3), (2, 6), (2,))  # of query, of key, query, key, product, weight, bias


@pytest.fixture
def parts():
    torch.manual_seed(0)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in SHAPES]


@pytest.fixture(params=[1, 3, 7, 100])
def block(request, monkeypatch):
    monkeypatch.setattr(activation_unit, "BLOCK", request.param)


def unit(of_query, of_key, query, key, of_product, weight, bias, row=ROW, item=ITEM):
    return hidden_of_pairs(of_query, of_key, query, key, row, item, of_product, weight, bias)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_hidden_layers_equal_numpy(parts, block):
    of_query, of_key, query, key, of_product, weight, bias = (part.detach().numpy() for part in parts)
    for pair, found in enumerate(unit(*parts).detach().numpy()):
        q, k = ROW[pair], ITEM[pair]
        first = sigmoid(of_query[q] + of_key[k] + of_product @ (query[q] * key[k]))
        np.testing.assert_allclose(found, sigmoid(weight @ first + bias), rtol=1e-12)


def test_a_sum_equals_numpy(parts, block):
    weights, key = torch.arange(1.0, 8, dtype=torch.float64), parts[3].detach()
    expected = np.zeros((4, 3))
    for weight, q, k in zip(weights.tolist(), ROW, ITEM):
        expected[q] += weight * key[k].numpy()
    np.testing.assert_allclose(weighted_sum(weights, key, ROW, ITEM, 4), expected, rtol=1e-12)


def test_gradients_of_all_parts(parts, block):
    assert torch.autograd.gradcheck(unit, parts)
    weights = torch.randn(7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w, k: weighted_sum(w, k, ROW, ITEM, 4), (weights, parts[3]))


def test_blocks_equal_the_plain_form(parts, monkeypatch):
    """That of a GPU, of bfloat16 and of a compiled model."""
    results = []
    for blocks in (True, False):
        monkeypatch.setattr(activation_unit, "_in_blocks", lambda tensor, blocks=blocks: blocks)
        scores = unit(*parts).sum(dim=1)
        total = weighted_sum(scores, parts[3], ROW, ITEM, 4)
        results.append([total, *torch.autograd.grad(total.square().sum(), parts)])
    assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(*results))
    assert not results[0][0][1].any()


def test_under_autocast_the_plain_form_is_taken(parts):
    single = [part.detach().float() for part in parts]
    exact = unit(*single)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = unit(*single)
        assert weighted_sum(rounded[:, 0], single[3], ROW, ITEM, 4).dtype == torch.float32
    assert rounded.dtype == torch.bfloat16 and torch.allclose(rounded.float(), exact, atol=0.02)


def test_no_pairs(parts):
    nothing = torch.zeros(0, dtype=torch.long)
    hidden = unit(*parts, nothing, nothing)
    total = weighted_sum(hidden.sum(dim=1), parts[3], nothing, nothing, 4)
    (total.sum() + hidden.sum()).backward()
    assert hidden.shape == (0, 2) and not total.any() and all(not part.grad.any() for part in parts)
