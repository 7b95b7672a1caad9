"""The formulas in plain NumPy, written as loops from the equations, and one example to feed them."""

import numpy as np
import torch

B, L, K, D, N = 5, 7, 4, 6, 3


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def squash_oracle(s):
    n = np.sqrt((s * s).sum())
    return np.zeros_like(s) if n == 0 else n**2 / (1 + n**2) * s / n


def routing_oracle(history, mask, bilinear, start, iterations, count):
    """Algorithm 1 of MIND for one user, one pair (behaviour i, interest j) at a time."""
    mapped = [bilinear @ e for e in history]
    b = start.copy()
    for t in range(iterations):
        a = np.zeros((len(history), K))
        for i in range(len(history)):
            if mask[i]:
                a[i, :count] = softmax(b[i, :count])
        u = np.zeros((K, D))
        for j in range(count):
            u[j] = squash_oracle(sum(a[i, j] * mapped[i] for i in range(len(history))))
        if t < iterations - 1:
            for i in range(len(history)):
                for j in range(count):
                    b[i, j] += u[j] @ mapped[i]
    return u, a


def example(dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    history = torch.randn(B, L, D, generator=generator, dtype=dtype)
    mask = torch.arange(L) < torch.tensor([L, 4, 2, 1, 0]).unsqueeze(1)
    target = torch.randn(B, D, generator=generator, dtype=dtype)
    return history, mask, target


def loss_oracle(users, targets, ids, negatives, negative_ids, frequency):
    """-log P(e_t | i_u), candidate by candidate."""
    candidates = np.concatenate([targets, negatives])
    candidate_ids = np.concatenate([ids, negative_ids])
    items = len(frequency) - 1
    q = len(ids) * frequency / frequency[1:].sum() + len(negative_ids) / items
    losses = []
    for row in range(len(users)):
        exponents = []
        for column, candidate in enumerate(candidate_ids):
            if column != row and candidate == ids[row]:
                continue
            exponents.append(users[row] @ candidates[column] - np.log(q[candidate]))
        own = users[row] @ targets[row] - np.log(q[ids[row]])
        losses.append(np.log(np.exp(exponents).sum()) - own)
    return np.mean(losses)


def numpy_of(module):
    """A module's parameters as arrays of float64, by name."""
    return {name: value.detach().double().numpy() for name, value in module.named_parameters()}
