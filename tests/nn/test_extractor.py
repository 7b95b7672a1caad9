"""The multi-interest family's extractors against NumPy, and their independence of padding."""

import numpy as np
import pytest
import torch
from oracle import numpy_of, softmax, squash_oracle

from recbole_iacn.nn.capsule import squash
from recbole_iacn.nn.extractor import (
    MeanInterest,
    PositionalRouting,
    SelfAttentiveInterests,
    positions_from_now,
)
from recbole_iacn.nn.transformer import TransformerBlock

B, L, K, D = 5, 6, 3, 4
LENGTHS = (6, 4, 3, 2, 1)


@pytest.fixture
def rows():
    torch.manual_seed(1)
    mask = torch.arange(L) < torch.tensor(LENGTHS).unsqueeze(1)
    return torch.randn(B, L, D), mask


def extractors():
    return {
        "mean": MeanInterest(D),
        "self-attention": SelfAttentiveInterests(D, K, L, attention_size=5),
        "with positions": SelfAttentiveInterests(D, K, L, attention_size=5, positions="values"),
        "without positions": SelfAttentiveInterests(D, K, L, attention_size=5, positions="none"),
        "with a block": SelfAttentiveInterests(D, K, L, 5, block=TransformerBlock(D)),
        "with both": SelfAttentiveInterests(D, K, L, 5, positions="values", block=TransformerBlock(D)),
        "routing": PositionalRouting(D, K, L),
    }


@pytest.fixture(params=extractors())
def extractor(request):
    torch.manual_seed(2)
    return extractors()[request.param].eval()


def test_positions_count_back_from_the_newest():
    mask = torch.tensor([[True, True, True], [True, False, False]])
    assert positions_from_now(mask).tolist() == [[3, 2, 1], [1, 0, 0]]


def test_padding_has_no_influence(extractor, rows):
    """Neither the values at padding nor the amount of padding matters."""
    behaviors, mask = rows
    interests, active = extractor(behaviors, mask)
    assert interests.shape == (B, 1 if isinstance(extractor, MeanInterest) else K, D) and active.all()
    other = torch.where(mask.unsqueeze(2), behaviors, torch.full_like(behaviors, 9.0))
    assert torch.allclose(extractor(other, mask)[0], interests, atol=1e-6)
    for row, length in enumerate(LENGTHS):
        alone = extractor(behaviors[row : row + 1, :length], mask[row : row + 1, :length])[0]
        assert torch.allclose(alone[0], interests[row], atol=1e-6)


def test_an_empty_history_is_finite(extractor):
    interests, _ = extractor(torch.zeros(1, L, D), torch.zeros(1, L, dtype=torch.bool))
    assert interests.isfinite().all()


def test_gradients_reach_every_weight(extractor, rows):
    extractor(*rows)[0].square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in extractor.parameters())


def test_mean_interest_by_numpy(rows):
    behaviors, mask = rows
    extractor = MeanInterest(D)
    weights = numpy_of(extractor)
    for row, length in enumerate(LENGTHS):
        wanted = weights["output.weight"] @ behaviors[row, :length].double().numpy().mean(0) + weights["output.bias"]
        assert np.allclose(extractor(behaviors, mask)[0][row, 0].detach().numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("with_block", [False, True])
@pytest.mark.parametrize("positions", ["attention", "values", "none"])
def test_self_attention_by_numpy(rows, positions, with_block):
    """A = softmax over the history of W2 tanh(W1 (X + P)); V = A^T X, or A^T (X + P); or without P. A block is tested
    below."""
    behaviors, mask = rows
    block = TransformerBlock(D) if with_block else None
    extractor = SelfAttentiveInterests(D, K, L, 5, positions, block)
    interests, w = extractor(behaviors, mask)[0].detach().numpy(), numpy_of(extractor)
    for row, length in enumerate(LENGTHS):
        x, p = behaviors[row, :length], torch.zeros(length, D)
        if positions != "none":
            p = extractor.position_embedding.weight[torch.arange(length, 0, -1)]
        if positions == "values":
            x, p = x + p, torch.zeros(length, D)
        if with_block:
            x = block(x[None], mask[row : row + 1, :length], p[None])[0]
        x, p = (part.detach().double().numpy() for part in (x, p))
        hidden = np.tanh((x + p) @ w["hidden.weight"].T + w["hidden.bias"])
        weights = softmax(hidden @ w["scores.weight"].T + w["scores.bias"], axis=0)
        assert np.allclose(interests[row], weights.T @ x, atol=1e-6)


def test_wrong_positions_are_rejected():
    with pytest.raises(ValueError, match="positions must be attention, values or none, got 'value'"):
        SelfAttentiveInterests(D, K, L, positions="value")


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_positional_routing_by_numpy(rows, iterations):
    behaviors, mask = rows
    extractor = PositionalRouting(D, K, L, iterations)
    interests, maps = extractor(behaviors, mask)[0].detach().numpy(), numpy_of(extractor)["maps"]
    for row, length in enumerate(LENGTHS):
        newest_first = behaviors[row, :length].double().numpy()[::-1]
        mapped = np.array([[newest_first[i] @ maps[i, j] for j in range(K)] for i in range(length)])
        logits = np.zeros((length, K))
        for _ in range(iterations):
            couplings = softmax(logits, axis=1)
            s = np.einsum("ij,ijd->jd", couplings, mapped)
            norm = np.linalg.norm(s, axis=1, keepdims=True)
            u = s * norm / (1 + norm**2)
            logits = logits + np.einsum("ijd,jd->ij", mapped, u)
        assert np.allclose(interests[row], u, atol=1e-5)


def test_gradients_of_positional_routing_flow_through_the_last_iteration_only(rows):
    """With the couplings of the last iteration, by NumPy, held fixed, the gradients must be the same."""
    behaviors, mask = rows
    extractor = PositionalRouting(D, K, L, iterations=3)
    behaviors.requires_grad_()
    extractor(behaviors, mask)[0].square().sum().backward()
    found = behaviors.grad, extractor.maps.grad
    behaviors.grad = extractor.maps.grad = None
    total = 0.0
    for row, length in enumerate(LENGTHS):
        mapped = torch.einsum("ld,lkde->lke", behaviors[row, :length].flip(0), extractor.maps[:length])
        fixed, logits = mapped.detach().double().numpy(), np.zeros((length, K))
        for _ in range(2):
            u = np.array([squash_oracle(s) for s in np.einsum("ij,ijd->jd", softmax(logits, axis=1), fixed)])
            logits = logits + np.einsum("ijd,jd->ij", fixed, u)
        couplings = torch.from_numpy(softmax(logits, axis=1)).float()
        total = total + squash(torch.einsum("ij,ijd->jd", couplings, mapped)).square().sum()
    total.backward()
    for one, other in zip(found, (behaviors.grad, extractor.maps.grad)):
        assert one.any() and torch.allclose(one, other, atol=1e-5)


def test_the_order_matters_where_positions_are(rows):
    behaviors, mask = rows
    reverse = behaviors[:1].flip(1)
    for name, extractor in extractors().items():
        same = torch.allclose(extractor.eval()(reverse, mask[:1])[0], extractor(behaviors[:1], mask[:1])[0], atol=1e-5)
        assert same == (name in ("mean", "without positions")), name


@pytest.mark.parametrize("make", [SelfAttentiveInterests, PositionalRouting])
def test_a_user_has_as_many_interests_as_the_history_warrants(rows, make):
    """⌈log2 6⌉, ⌈log2 4⌉ … of 3 interests. Those that a user lacks are zero vectors, read nothing, and no click belongs
    to them."""
    behaviors, mask = rows
    torch.manual_seed(2)
    extractor = make(D, K, L, rounding="ceil")
    interests, active, couplings = extractor(behaviors, mask, return_couplings=True)
    assert active.sum(dim=1).tolist() == [3, 2, 2, 1, 1]
    assert (interests[~active] == 0).all() and (interests[active] != 0).any(dim=1).all()
    assert (couplings.transpose(1, 2)[~active] == 0).all()
    assert torch.allclose(couplings.sum(dim=2)[mask], torch.ones(int(mask.sum())))
    if make is SelfAttentiveInterests:  # whose interests do not depend on each other
        torch.manual_seed(2)
        every, all_couplings = make(D, K, L)(behaviors, mask, return_couplings=True)[::2]
        assert torch.equal(interests[active], every[active])
        own = all_couplings * active.unsqueeze(1)
        assert torch.allclose(couplings[mask], (own / own.sum(dim=2, keepdim=True))[mask], atol=1e-6)
        attention = extractor(behaviors, mask, return_attention=True)[2]
        assert (attention.transpose(1, 2)[~active] == 0).all()


@pytest.mark.parametrize("make", [SelfAttentiveInterests, PositionalRouting])
def test_a_wrong_rounding_is_rejected(make):
    with pytest.raises(ValueError, match=r"rounding must be one of .* or None, got 'up'"):
        make(D, K, L, rounding="up")
