"""How far apart interests are, against NumPy and by hand."""

import numpy as np
import pytest
import torch

from recbole_iacn.nn.spread import effective_number, pair_cosine


def test_the_cosine_of_pairs_equals_numpys():
    """Of a user's own interests only; scale does not matter."""
    rng = np.random.default_rng(3)
    vectors, active = rng.normal(size=(3, 4, 5)), np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 1, 0]], dtype=bool)
    expected = []
    for vector, own in zip(vectors, active):
        there = vector[own]
        cosines = [
            one @ two / np.linalg.norm(one) / np.linalg.norm(two)
            for place, one in enumerate(there)
            for two in there[:place]
        ]
        expected.append(np.mean(cosines))
    scale = torch.tensor([1.0, 0.01, 100.0, 3.0])[:, None]
    found = pair_cosine(torch.from_numpy(vectors).float() * scale, torch.from_numpy(active))
    assert found.numpy() == pytest.approx(np.array(expected), abs=1e-6)


def test_equal_interests_have_cosine_1_and_a_single_one_0():
    vectors = torch.ones(3, 3, 2)
    active = torch.tensor([[True, True, True], [True, False, False], [False, False, False]])
    assert pair_cosine(vectors, active).tolist() == pytest.approx([1, 0, 0])


def test_vectors_of_zeros_have_a_finite_gradient():
    vectors = torch.zeros(1, 2, 3, requires_grad=True)
    pair_cosine(vectors, torch.ones(1, 2, dtype=torch.bool)).sum().backward()
    assert vectors.grad.isfinite().all()


def test_the_effective_number_by_hand():
    """All clicks in one interest count 1, an even division over two 2, one of 3 : 1 exp(H(.75, .25)) = 4 / 3^.75; what
    stands at padding does not count."""
    couplings = torch.tensor(
        [
            [[1.0, 0, 0]] * 4,
            [[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 0]],
            [[1.0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]],
            [[0.0, 0, 0]] * 4,
        ]
    )
    mask = torch.tensor([[True] * 4, [True] * 3 + [False], [True] * 4, [False] * 4])
    assert effective_number(couplings, mask).tolist() == pytest.approx([1, 2, 4 / 3**0.75, 1])
