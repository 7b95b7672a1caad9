"""A checkpoint is resumed over the rows that it was trained on, and over no others."""

import numpy as np
import pytest
import torch
from helpers import SHORT_RANKING

from recbole_iacn.errors import ConfigError
from recbole_iacn.training import row_digest


def rewrite(path, change):
    """The lines of a file but for its header, changed."""
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([header, *change(lines)]) + "\n")


def other_item_in_the_first_click(lines):
    """Tokens, their order and the number of rows stay; one early click is on an item that stands elsewhere."""
    firsts = [n for n, line in enumerate(lines) if n == 0 or line.split("\t")[0] != lines[n - 1].split("\t")[0]]
    number = firsts[-1]
    user, item, *rest = lines[number].split("\t")
    own = {line.split("\t")[1] for line in lines if line.split("\t")[0] == user}
    known = [line.split("\t")[1] for line in lines[:number]]
    other = next(one for one in known if one not in own)
    assert sum(line.split("\t")[1] == item for line in lines[:number]), "the item is known before"
    return [*lines[:number], "\t".join([user, other, *rest]), *lines[number + 1 :]]


@pytest.mark.slow
@pytest.mark.parametrize("name, changes", [("DIN_IaCN", {}), ("DIN", {}), ("SASRec", SHORT_RANKING)])
def test_other_rows_are_rejected(train, place, name, changes):
    if name == "SASRec":
        changes = {"load_col": SHORT_RANKING["load_col"], "mlp_hidden_size": ..., "train_neg_sample_args": None}
        changes |= {"metrics": ["MRR"], "hidden_size": 8, "inner_size": 8, "n_heads": 1, "n_layers": 1}
    first = train(name, **changes)
    assert train(name, fitted=False, epochs=2, **changes).resume(first.checkpoint)
    rewrite(place / "tiny.inter", other_item_in_the_first_click)
    other = train(name, fitted=False, epochs=2, **changes)
    assert other.dataset.field2id_token["item_id"].tolist() == first.dataset.field2id_token["item_id"].tolist()
    message = (
        r"\.pth: has other training rows than these data \(as many, [\d,]+, with other content\), so it cannot be "
    )
    with pytest.raises(
        ConfigError, match=message + r"resumed here; .*start from it on these \(recbole-iacn train --fr"
    ):
        other.resume(first.checkpoint)


@pytest.mark.slow
def test_other_rows_for_validation_are_rejected(train, place):
    """A user's last click but one validates; the training rows are what they were."""

    def swapped(lines):
        *before, last, end = [line for line in lines if line.startswith("u3\t")]
        items = [line.split("\t")[1] for line in (last, end)]
        new = [line.replace(f"\t{one}\t", f"\t{two}\t") for line, one, two in zip((last, end), items, items[::-1])]
        rows = iter([*before, *new])
        return [next(rows) if line.startswith("u3\t") else line for line in lines]

    first = train()
    rewrite(place / "tiny.inter", swapped)
    other = train(fitted=False, epochs=2)
    if other.dataset.field2id_token["item_id"].tolist() != first.dataset.field2id_token["item_id"].tolist():
        pytest.fail("the order of the tokens changed, so this tests the vocabulary")
    with pytest.raises(ConfigError, match="has other validation rows than these data"):
        other.resume(first.checkpoint)


@pytest.mark.slow
def test_a_trainer_that_is_not_told_its_data_compares_when_it_trains(train, place):
    from recbole.utils import get_trainer

    first = train()
    rewrite(place / "tiny.inter", other_item_in_the_first_click)
    other = train(fitted=False, epochs=2)
    trainer = get_trainer(other.config["MODEL_TYPE"], "DIN_IaCN")(other.config, other.model)
    trainer.resume_checkpoint(first.checkpoint)
    with pytest.raises(ConfigError, match="has other training rows than these data"):
        trainer.fit(other.train_data, other.valid_data, verbose=False)


def test_histories_count_and_other_rows_do_not():
    """By hand: the shared column is [0 | a b c | d e f]; two rows read a b and d e."""
    from types import SimpleNamespace

    from recbole_iacn.data.windows import HistoryInteraction, Windows

    def digest(column, index=(0, 1), start=(2, 5)):
        windows = Windows({"items": torch.tensor(column)}, torch.tensor(start) + 1, torch.tensor([2, 2]), 3)
        rows = HistoryInteraction({"item": torch.tensor([7, 8])}, [windows], torch.tensor(index))
        return row_digest.of(SimpleNamespace(inter_feat=rows))

    before = digest([0, 1, 2, 3, 4, 5, 6])
    assert before["count"] == 2
    assert digest([0, 1, 2, 9, 4, 5, 6]) == before == digest([0, 1, 2, 4, 5, 6], start=(2, 4))
    assert digest([0, 1, 9, 3, 4, 5, 6]) != before != digest([0, 1, 2, 3, 4, 5, 6], index=(1, 0))


def test_a_plain_digest_is_of_names_types_and_values():
    from types import SimpleNamespace

    from recbole.data.interaction import Interaction

    def digest(**columns):
        return row_digest.of(SimpleNamespace(inter_feat=Interaction(columns)))["digest"]

    one = torch.arange(4)
    assert digest(a=one, b=one + 1) == digest(b=one + 1, a=one)
    others = [digest(a=one), digest(c=one), digest(a=one + 1), digest(a=one.float()), digest(a=one.view(2, 2))]
    assert len(set(others)) == len(others)
    assert (
        digest(a=one)
        == row_digest.of(SimpleNamespace(inter_feat=Interaction({"a": torch.tensor(np.arange(4))})))["digest"]
    )


def test_a_damaged_record_is_named():
    trainer = type("Trainer", (), {"trained_on": object(), "_rows": {"training": {"count": 1, "digest": "a"}}})()
    assert not row_digest.check(None, trainer, "a.pth") and not row_digest.check([1], trainer, "a.pth")
    for there in ({"training": 3}, {"training": {"count": "x"}}):
        with pytest.raises(ConfigError, match=r"^a\.pth: is damaged, its record of rows is none"):
            row_digest.check(there, trainer, "a.pth")
