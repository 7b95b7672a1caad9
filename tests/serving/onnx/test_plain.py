"""The layers of a graph compute what those of the fast path do, or what their formulas say."""

import numpy as np
import pytest
import torch
from recbole.model.layers import SequenceAttLayer
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recbole_iacn.model.click.din_attention import PackedSequenceAttention
from recbole_iacn.nn.adoption import adopt
from recbole_iacn.nn.interval_attention import IntervalBlock, personal_intervals
from recbole_iacn.nn.transformer import TransformerBlock
from recbole_iacn.serving.onnx import plain

LENGTHS = torch.tensor([4, 0, 1, 3])
REAL = torch.arange(4) < LENGTHS.unsqueeze(1)


def test_means_are_of_the_real_places():
    vectors = torch.arange(24.0).view(2, 4, 3)
    real = torch.tensor([[True, True, False, False], [False] * 4])
    assert plain.mean_of_real(vectors, real).tolist() == [[1.5, 2.5, 3.5], [0, 0, 0]]
    table = torch.nn.Embedding.from_pretrained(torch.tensor([[9.0], [1.0], [4.0]]))
    assert plain.mean_of_ids(torch.tensor([[1, 2, 0], [0, 0, 0]]), table).tolist() == [[2.5], [0]]


@pytest.mark.parametrize("softmax", [False, True])
def test_attention_of_several_candidates(softmax):
    torch.manual_seed(0)
    stock = SequenceAttLayer(torch.arange(4).view(1, -1), [4 * 6, 5, 3], "sigmoid", softmax, True)
    queries, keys = torch.randn(4, 7, 6), torch.randn(4, 4, 6)
    wanted = torch.stack([stock(queries[:, n], keys, LENGTHS).squeeze(1) for n in range(7)], dim=1)
    found = plain.attention(adopt(stock, PackedSequenceAttention), queries, keys, REAL)
    some = LENGTHS > 0
    torch.testing.assert_close(found[some], wanted[some])
    assert not found[~some].any()  # of nothing RecBole's softmax is NaN


def test_a_recurrence_by_its_formula():
    random = np.random.default_rng(0)
    x, weight, bias = random.normal(size=(4, 1, 4, 6)), random.normal(size=(6, 2)), random.normal(size=6)
    offset, factor = random.uniform(size=(2, 4, 3, 4, 1)) * REAL.numpy()[:, None, :, None]
    wanted = np.zeros((4, 3, 4, 2))
    for row, one in np.ndindex(4, 3):
        state = np.zeros(2)
        for step in range(4):
            h = weight @ state + bias
            reset, gate = 1 / (1 + np.exp(-(x[row, 0, step, :4] + h[:4]))).reshape(2, 2)
            share = offset[row, one, step] + factor[row, one, step] * gate
            state = (1 - share) * state + share * np.tanh(x[row, 0, step, 4:] + reset * h[4:])
            wanted[row, one, step] = state
    given = (torch.from_numpy(part) for part in (x, weight, bias, offset, factor))
    found = plain.recur(*given).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_array_equal(found[2, :, 3], found[2, :, 0])  # padding keeps the state


def test_the_states_of_a_gru():
    torch.manual_seed(0)
    gru, inputs = torch.nn.GRU(5, 3, batch_first=True), torch.randn(4, 4, 5)
    some = LENGTHS > 0
    packed = pack_padded_sequence(inputs[some], LENGTHS[some], batch_first=True, enforce_sorted=False)
    wanted = pad_packed_sequence(gru(packed)[0], batch_first=True)[0]
    found = plain.gru_states(gru, inputs.unsqueeze(1), REAL).squeeze(1)
    torch.testing.assert_close(found[some] * REAL[some].unsqueeze(2), wanted)
    assert not found[~some].any()


@pytest.mark.parametrize("places", [False, True])
def test_blocks_on_every_position(places):
    torch.manual_seed(0)
    blocks = TransformerBlock(6, heads=2), IntervalBlock(6, max_length=4, span=5, heads=2)
    vectors = torch.randn(4, 4, 6)
    more = torch.randn(4, 4, 6) if places else None
    intervals = personal_intervals(torch.tensor([[0, 3, 5, 50]]).expand(4, -1), REAL, 5)
    for block, given in zip(blocks, ((vectors, REAL, more), (vectors, REAL, intervals))):
        wanted = block(*given)
        block.positions = plain.EveryPosition
        torch.testing.assert_close(block(*given), wanted)


def test_a_copy_shares_the_weights_and_not_the_parts():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    copy = plain.shared_copy(model)
    assert copy[0] is not model[0] and copy[0].weight is model[0].weight
    assert copy[1].running_mean is model[1].running_mean
    assert model.training and not copy.training
