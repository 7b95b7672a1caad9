"""Vectors of item columns by hand: lists of ids and of numbers."""

import torch

from recbole_iacn.model.click.item_tables import mean_of_lists, mean_over_history


def table():
    return torch.nn.Embedding.from_pretrained(torch.tensor([[9.0, 9.0], [1.0, 2.0], [3.0, 4.0], [5.0, 8.0]]))


def test_means_of_lists_by_hand():
    """Padding is neither added nor counted; an empty list is 0."""
    ids = torch.tensor([[1, 2, 0], [3, 0, 0], [0, 0, 0]])
    assert mean_of_lists(ids, table()).tolist() == [[2.0, 3.0], [5.0, 8.0], [0.0, 0.0]]


def test_means_of_lists_of_numbers_by_hand():
    """Each vector times its number: (2 (1, 2) + 4 (3, 4)) / 2; numbers at padding have no effect."""
    ids = torch.tensor([[1, 2, 0], [3, 0, 0], [0, 0, 0]])
    numbers = torch.tensor([[2.0, 4.0, 7.0], [0.5, 7.0, 7.0], [7.0, 7.0, 7.0]])
    assert mean_of_lists(ids, table(), numbers).tolist() == [[7.0, 10.0], [2.5, 4.0], [0.0, 0.0]]


def test_means_over_histories_by_hand():
    history = torch.tensor([[2, 2, 1], [3, 0, 0], [0, 0, 0]])
    found = mean_over_history(history, table())
    torch.testing.assert_close(found, torch.tensor([[7 / 3, 10 / 3], [5.0, 8.0], [0.0, 0.0]]))
