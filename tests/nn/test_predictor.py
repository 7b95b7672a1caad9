"""The interest predictor: its input, and its recurrence against PyTorch's GRU."""

import numpy as np
import pytest
import torch
from oracle import numpy_of

from recbole_iacn.nn.predictor import InterestPredictor

ACTIVE = torch.tensor([[True, True, True], [True, True, False]])


@pytest.mark.parametrize("layers", [1, 2])
def test_the_predictor_reads_the_history_and_not_its_padding(layers):
    torch.manual_seed(0)
    predictor = InterestPredictor(9, 4, 3, layers).eval()
    logits = predictor(torch.tensor([[3, 5, 0, 0], [5, 3, 0, 0]]))
    assert logits.shape == (2, 3) and not torch.allclose(logits[0], logits[1])
    assert torch.allclose(predictor(torch.tensor([[3, 5]])), logits[:1], atol=1e-6)


def test_the_predictors_recurrence_is_pytorchs():
    torch.manual_seed(0)
    predictor, history = InterestPredictor(9, 4, 3), torch.tensor([[3, 5, 7, 1], [5, 3, 0, 0], [8, 0, 0, 0]])
    states, _ = predictor.gru(predictor.item_embedding(history))
    wanted = predictor.output(torch.stack([states[0, 3], states[1, 1], states[2, 0]]))
    assert torch.allclose(predictor(history), wanted, atol=1e-6)
    gradients = [torch.autograd.grad(z.square().sum(), predictor.parameters()) for z in (predictor(history), wanted)]
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(*gradients))


def test_two_layers_by_numpy():
    """A hidden layer with ReLU stands between the state and the interests; dropout acts in training only."""
    torch.manual_seed(0)
    predictor, history = InterestPredictor(9, 4, 3, layers=2, dropout=0.5), torch.tensor([[3, 5, 7]])
    w, state = numpy_of(predictor), predictor.gru(predictor.item_embedding(history))[1][0].detach().double().numpy()
    hidden = np.maximum(state @ w["output.0.weight"].T + w["output.0.bias"], 0)
    wanted = hidden @ w["output.3.weight"].T + w["output.3.bias"]
    np.testing.assert_allclose(predictor.eval()(history).detach(), wanted, atol=1e-6)
    assert len({tuple(predictor.train()(history)[0].tolist()) for _ in range(20)}) > 1
