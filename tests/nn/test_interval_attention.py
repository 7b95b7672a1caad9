"""Personal intervals by hand, the block against NumPy."""

import numpy as np
import pytest
import torch

from recbole_iacn.nn.interval_attention import IntervalBlock, personal_intervals

B, L, D, SPAN = 2, 4, 6, 5
MASK = torch.tensor([[True] * 4, [True, True, True, False]])
SECONDS = torch.tensor([[0, 10, 40, 1000], [7, 7, 27, 0]])


def test_intervals_by_hand():
    """The shortest time is 10 s in the first row and, the equal ones left out, 20 s in the second."""
    found = personal_intervals(SECONDS, MASK, SPAN)
    assert found[0].tolist() == [[0, 1, 4, 5], [1, 0, 3, 5], [4, 3, 0, 5], [5, 5, 5, 0]]
    assert found[1].tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert personal_intervals(SECONDS + 12345, MASK, SPAN).equal(found)
    assert personal_intervals(torch.zeros(1, 3, dtype=torch.long), torch.ones(1, 3, dtype=torch.bool), 5).eq(0).all()


def test_a_span_of_0_is_a_model_without_times():
    """The control: all intervals are 0, of whole times and of fractions."""
    for seconds in (SECONDS, SECONDS.double() + 0.5):
        assert personal_intervals(seconds, MASK, 0).eq(0).all()


@pytest.mark.parametrize("start", [0.0, 18_500.79877])
def test_fractions_give_the_intervals_of_the_same_times_in_whole_numbers(start):
    """Days with five decimals, and the same times in units of 1e-5 days, which are whole."""
    whole = torch.from_numpy(np.random.default_rng(4).integers(0, 30, size=(50, L)).cumsum(axis=1) * 7)
    mask = torch.ones(50, L, dtype=torch.bool)
    days = (start + whole.double() / 100_000) - start  # rounded as the difference of two times is
    assert personal_intervals(days, mask, 40).equal(personal_intervals(whole, mask, 40))


def layer_norm(x, weight, bias):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-8) * weight + bias


@pytest.mark.parametrize("heads", [1, 2])
def test_the_block_by_numpy(heads):
    torch.manual_seed(3)
    block = IntervalBlock(D, L, SPAN, heads)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(B, L, D)
    found = block(x, MASK, personal_intervals(SECONDS, MASK, SPAN)).detach().numpy()
    w = {name: value.detach().double().numpy() for name, value in block.named_parameters()}
    intervals = personal_intervals(SECONDS, MASK, SPAN).numpy()
    for row, length in enumerate((4, 3)):
        normed = layer_norm(x[row, :length].double().numpy(), w["attention_norm.weight"], w["attention_norm.bias"])
        q, k, v = (normed @ w[f"{name}.weight"].T + w[f"{name}.bias"] for name in ("query", "key", "value"))
        mixed = np.zeros((length, D))
        for head in np.split(np.arange(D), heads):
            for i in range(length):
                rows = [
                    (
                        k[j] + w["key_position.weight"][length - j] + w["key_interval.weight"][intervals[row, i, j]],
                        v[j]
                        + w["value_position.weight"][length - j]
                        + w["value_interval.weight"][intervals[row, i, j]],
                    )
                    for j in range(i + 1)
                ]
                scores = np.array([q[i][head] @ key[head] for key, _ in rows]) / np.sqrt(len(head))
                weights = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
                mixed[i][head] = sum(weight * value[head] for weight, (_, value) in zip(weights, rows))
        normed = layer_norm(normed + mixed, w["forward_norm.weight"], w["forward_norm.bias"])
        hidden = np.maximum(normed @ w["forward_net.0.weight"].T + w["forward_net.0.bias"], 0)
        wanted = normed + hidden @ w["forward_net.3.weight"].T + w["forward_net.3.bias"]
        assert np.allclose(found[row, :length], wanted, atol=1e-4)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="multiple of heads, got 6 and 4"):
        IntervalBlock(6, L, SPAN, heads=4)
