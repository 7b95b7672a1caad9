"""eSASRec's blocks: values against NumPy, position by position, and what no state may depend on."""

import numpy as np
import pytest
import torch

from recbole_iacn.nn.gated_blocks import GatedBlock, GatedStates

B, L, D = 3, 5, 4
LENGTHS = [5, 2, 1]


def weights(module):
    return {name: value.detach().double().numpy() for name, value in module.named_parameters()}


def randomised(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module.eval()


def norm(x, scale, shift):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-8) * scale + shift


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def block(w, prefix, x, heads):
    """One history, (length, D), place by place."""
    w = {name.removeprefix(prefix): value for name, value in w.items() if name.startswith(prefix)}
    normed = [norm(row, w["attention_norm.weight"], w["attention_norm.bias"]) for row in x]
    q, k, v = np.split(np.array(normed) @ w["projection.weight"].T + w["projection.bias"], 3, axis=1)
    width, result = D // heads, []
    for i, row in enumerate(x):
        mixed = []
        for head in range(heads):
            own = slice(head * width, (head + 1) * width)
            scores = np.array(
                [q[i, own] @ k[j, own] / np.sqrt(width) + w["distance"][head, i - j] for j in range(i + 1)]
            )
            share = np.exp(scores) / np.exp(scores).sum()
            mixed.append(sum(share[j] * v[j, own] for j in range(i + 1)))
        mixed = w["output.weight"] @ np.concatenate(mixed) + w["output.bias"]
        row = row + sigmoid(w["attention_gate.weight"] @ row + w["attention_gate.bias"]) * mixed
        inner = w["unit.weight"] @ norm(row, w["forward_norm.weight"], w["forward_norm.bias"]) + w["unit.bias"]
        gate, value = np.split(inner, 2)
        back = w["back.weight"] @ (gate * sigmoid(gate) * value) + w["back.bias"]
        result.append(row + sigmoid(w["forward_gate.weight"] @ row + w["forward_gate.bias"]) * back)
    return np.array(result)


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (2, 2)])
def test_the_states_by_numpy(layers, heads):
    module = randomised(GatedStates(D, L, layers, heads, widening=2, dropout=0.3))
    behaviors = torch.randn(B, L, D)
    mask = torch.arange(L) < torch.tensor(LENGTHS).unsqueeze(1)
    found, w = module.states(behaviors, mask).detach().numpy(), weights(module)
    for row, length in enumerate(LENGTHS):
        x = behaviors[row, :length].double().numpy()
        for layer in range(layers):
            x = block(w, f"blocks.{layer}.", x, heads)
        expected = [norm(state, w["norm.weight"], w["norm.bias"]) for state in x]
        assert np.allclose(found[row, :length], expected, atol=1e-4)
        assert (found[row, length:] == 0).all()


def test_a_state_is_the_same_whatever_stands_behind_it():
    """And wherever the padding ends."""
    module = randomised(GatedStates(D, L, 2, 1, widening=2, dropout=0.0))
    behaviors = torch.randn(1, L, D)
    whole = module.states(behaviors, torch.ones(1, L, dtype=torch.bool))
    for length in range(1, L + 1):
        mask = torch.arange(L).unsqueeze(0) < length
        last = module(behaviors, mask)[0][:, 0]
        alone = module(behaviors[:, :length], mask[:, :length])[0][:, 0]
        assert torch.allclose(last, whole[:, length - 1], atol=1e-5) and torch.allclose(last, alone, atol=1e-5)


def test_the_order_of_behaviours_matters():
    module = randomised(GatedStates(D, L, 1, 1, widening=2, dropout=0.0))
    behaviors, mask = torch.randn(1, L, D), torch.ones(1, L, dtype=torch.bool)
    swapped = behaviors[:, [1, 0, 2, 3, 4]]
    assert not torch.allclose(module(behaviors, mask)[0], module(swapped, mask)[0], atol=1e-3)
    torch.nn.init.zeros_(module.blocks[0].distance)  # the distances alone tell the order
    assert torch.allclose(module(behaviors, mask)[0], module(swapped, mask)[0], atol=1e-5)


def test_an_empty_history_has_a_state():
    module = randomised(GatedStates(D, L, 1, 1, widening=2, dropout=0.0))
    interests, active = module(torch.randn(2, L, D), torch.zeros(2, L, dtype=torch.bool))
    assert interests.shape == (2, 1, D) and interests.isfinite().all() and active.all()


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="embedding_size must be a multiple of heads, got 4 and 3"):
        GatedBlock(4, L, heads=3)


def test_what_is_dropped():
    """Behaviours once; in each block the attention's weights, the unit, and both branches."""
    module = GatedStates(D, L, 2, 1, widening=3, dropout=0.5)
    sizes = []
    for part in (module, *module.blocks):
        part.dropout.register_forward_hook(lambda _, given, __: sizes.append(tuple(given[0].shape)))
    module(torch.randn(B, L, D), torch.ones(B, L, dtype=torch.bool))
    of_block = [(B, 1, L, L), (B * L, D), (B * L, 3 * D), (B * L, D)]
    assert sizes == [(B * L, D), *of_block, *of_block]
