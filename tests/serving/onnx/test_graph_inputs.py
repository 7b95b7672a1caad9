"""A graph's inputs are the columns that the model reads, each in the form that is easiest to give."""

import pytest
import torch

from recbole_iacn.serving.onnx.graph_inputs import ColumnInput, columns_of, random_histories

OF_USERS = ["user.age", "user.income", "user.likes", "user.user_id", "user.wants"]
OF_ROWS = ["context.hour", "context.tab", "context.tags"]


@pytest.mark.parametrize(
    ("name", "changes", "wanted"),
    [
        ("DIN_IaCN", {}, []),
        ("DIN_IaCN", {"user_fields": True}, [*OF_ROWS, *(name for name in OF_USERS if name != "user.user_id")]),
        ("DIEN_IaCN", {}, OF_USERS),
        ("DIEN_IaCN", {"user_fields": True}, [*OF_ROWS, *OF_USERS]),
        ("WideDeep_IaCN", {}, ["context.tab", "context.tags", *OF_USERS]),
        ("DSSM_IaCN", {}, OF_USERS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_columns_of_a_model(opened, name, changes, wanted):
    recommender = opened(name, **changes)
    found = columns_of(recommender.model, recommender.catalogue, recommender.config)
    assert sorted(column.name for column in found) == wanted


def test_what_is_given_and_what_the_model_reads():
    """RecBole pairs a number with an id, 1, or with 0 at padding; a bucket's number is the id."""
    nan = float("nan")
    for kind, given, read in (
        ("token", [3, 0], [3, 0]),
        ("token_seq", [[3, 0]], [[3, 0]]),
        ("float", [0.5, 0.0], [[0.5, 1], [0.0, 1]]),
        ("float_seq", [[0.5, 0.0, nan]], [[[0.5, 1], [0.0, 1], [0, 0]]]),
        ("bucket", [2, 1], [[1, 2], [1, 1]]),
    ):
        column = ColumnInput("user.x", "x", kind, 4)
        values = column.as_read(torch.tensor(given))
        assert values.tolist() == read
        torch.testing.assert_close(column.as_given(values), torch.tensor(given), equal_nan=True)
        assert str(column.as_given(values).dtype) == f"torch.{column.dtype}"
    assert ColumnInput("context.x", "x", "float", 0).as_given(torch.tensor([0.5])).tolist() == [0.5]


def test_random_histories_are_padded_on_the_right():
    found = random_histories(50, 6, 9, torch.Generator().manual_seed(0))
    lengths = (found != 0).sum(dim=1)
    assert lengths[0] == 0 and set(lengths.tolist()) == set(range(7)) and found.max() == 8
    assert torch.equal(found != 0, torch.arange(6) < lengths.unsqueeze(1))
