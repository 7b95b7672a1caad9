"""What whoever reads an explanation is told."""

from types import SimpleNamespace

import numpy as np
import pytest

from recbole_iacn.serving.explain import remarks


def found(vectors, labels, order):
    """Interests of one history as the remarks read them, in the order of their shares."""
    explained = [SimpleNamespace(number=number, label=labels[number]) for number in order]
    inside = SimpleNamespace(vectors=np.array([vectors], dtype=np.float32))
    return SimpleNamespace(found=inside, order=lambda place: order, explained=lambda place: explained)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        # cos 60 degrees
        (
            [0.5, 0.75**0.5],
            [
                "Interests 0 and 2 are called alike, Toys: the columns of items do not tell them apart, and the "
                "model does (lowest cosine 0.50)."
            ],
        ),
        ([2.0, 0.1], []),  # they have fallen together, which another remark says
    ],
)
def test_interests_of_one_name_are_told_apart_or_not(second, said):
    one = found([[1, 0], [0, 1], second], ["Toys", "Garden", "Toys"], [2, 1, 0])
    assert remarks._called_alike(one, 0) == said
    assert bool(remarks._alike(one, 0)) is not bool(said)
    assert remarks._called_alike(found([[1, 0], [0, 1]], ["Toys", "Garden"], [0, 1]), 0) == []
