"""Mixed gradients: values stay, gradients are scaled."""

import pytest
import torch

from recbole_iacn.nn import (
    mix_gradient,
)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_mix_gradient_keeps_values_and_scales_gradients(weight):
    x = torch.randn(3, 2, requires_grad=True)
    mixed = mix_gradient(x, weight)
    assert torch.equal(mixed, x)
    (mixed * 2).sum().backward() if weight else None
    assert torch.allclose(x.grad if weight else torch.zeros(3, 2), torch.full((3, 2), 2 * weight))


def test_mix_gradient_by_part():
    x = torch.ones(2, 3, requires_grad=True)
    mix_gradient(x, torch.tensor([[1.0], [0.25]])).sum().backward()
    assert x.grad.tolist() == [[1.0] * 3, [0.25] * 3]


@pytest.mark.parametrize("delta", [0.0, 0.3, 1.0])
def test_one_pass_mixes_the_gradients_of_two(delta):
    torch.manual_seed(0)
    e = torch.randn(4, 3, requires_grad=True)

    def main(x):
        return (x**3).sum()

    def auxiliary(x):
        return x.sin().sum()

    g_main = torch.autograd.grad(main(e), e)[0]
    g_aux = torch.autograd.grad(auxiliary(e), e)[0]
    (main(mix_gradient(e, delta)) + auxiliary(mix_gradient(e, 1 - delta))).backward()
    assert torch.allclose(e.grad, (1 - delta) * g_aux + delta * g_main, atol=1e-6)
