"""The multi-interest family's extractors against NumPy, and what padding may not change."""

import numpy as np
import pytest
import torch

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


def numpy_of(module):
    return {name: value.detach().double().numpy() for name, value in module.named_parameters()}


def softmax(x, axis):
    x = np.exp(x - x.max(axis=axis, keepdims=True))
    return x / x.sum(axis=axis, keepdims=True)


def test_positions_count_back_from_the_newest():
    mask = torch.tensor([[True, True, True], [True, False, False]])
    assert positions_from_now(mask).tolist() == [[3, 2, 1], [1, 0, 0]]


def test_padding_has_no_say(extractor, rows):
    """Neither what stands there, nor how much of it there is."""
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


def test_positions_have_three_places():
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


@pytest.mark.parametrize("heads", [1, 2])
def test_the_block_is_pytorchs_encoder_layer_at_real_positions(rows, heads):
    behaviors, mask = rows
    block = TransformerBlock(D, heads)
    peer = torch.nn.TransformerEncoderLayer(D, heads, dim_feedforward=D, dropout=0.0, batch_first=True)
    ours, theirs = block.state_dict(), peer.state_dict()
    names = {
        "self_attn.in_proj_": "projection.",
        "linear1.": "hidden.",
        "linear2.": "back.",
        "norm1.": "attention_norm.",
        "norm2.": "forward_norm.",
    }
    torch.nn.init.eye_(theirs["self_attn.out_proj.weight"])  # ours has none
    torch.nn.init.zeros_(theirs["self_attn.out_proj.bias"])
    for own, other in {v: k for k, v in names.items()}.items():
        for part in ("weight", "bias"):
            torch.nn.init.normal_(theirs[other + part])
            ours[own + part].copy_(theirs[other + part])
    wanted = peer(behaviors, src_key_padding_mask=~mask)
    found = block(behaviors, mask)
    assert torch.allclose(found[mask], wanted[mask], atol=1e-5) and not found[~mask].any()


def test_the_block_compares_with_places_and_adds_up_without(rows):
    """By NumPy: queries and keys of X + P, values of X, which is also what is added to."""
    behaviors, mask = rows
    block, places = TransformerBlock(D), torch.randn(B, L, D)
    for norm in (block.attention_norm, block.forward_norm):
        torch.nn.init.normal_(norm.weight)
    found, w = block(behaviors, mask, places).detach().numpy(), numpy_of(block)

    def normalised(x, name):
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    for row, length in enumerate(LENGTHS):
        x, p = (part[row, :length].double().numpy() for part in (behaviors, places))
        query, key, value = (
            part @ weight.T + bias
            for part, weight, bias in zip(
                (x + p, x + p, x), np.split(w["projection.weight"], 3), np.split(w["projection.bias"], 3)
            )
        )
        y = normalised(x + softmax(query @ key.T / np.sqrt(D), axis=1) @ value, "attention_norm")
        hidden = np.maximum(y @ w["hidden.weight"].T + w["hidden.bias"], 0)
        wanted = normalised(y + hidden @ w["back.weight"].T + w["back.bias"], "forward_norm")
        assert np.allclose(found[row, :length], wanted, atol=1e-5) and not found[row, length:].any()


def test_the_order_matters_where_positions_are(rows):
    behaviors, mask = rows
    turned = behaviors[:1].flip(1)
    for name, extractor in extractors().items():
        same = torch.allclose(extractor.eval()(turned, mask[:1])[0], extractor(behaviors[:1], mask[:1])[0], atol=1e-5)
        assert same == (name in ("mean", "without positions")), name
