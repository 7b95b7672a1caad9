"""Several bundles beside each other, and what is rejected before the first is worked on."""

import warnings

import numpy as np
import pytest

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.interests.sheets import Asked, sheets_of


def test_seeds_are_compared(bundles, data_path):
    paths = [bundles[name] for name in ("MIND", "DIN_IaCN", "MIND again")]
    sheets, (stable,), notes = sheets_of(paths, Asked(data_path, rows=15, k=3))
    assert [(one.model, one.seed) for one in sheets] == [("MIND", 7), ("DIN_IaCN", 7), ("MIND", 8)]
    assert stable.seeds == (7, 8) and stable.line.users <= 15 and notes == []
    assert set(stable.line.controls) == {"chance", "k_means"}
    # One permutation of the clicks of both would leave the index as it is.
    assert abs(stable.line.controls["chance"].mean - stable.line.model.mean) > 1e-6
    alone, *_ = sheets_of([bundles["MIND again"]], Asked(data_path, rows=15, k=3))
    assert alone[0] == sheets[2]  # whatever stands beside it


def test_other_rows_are_said(bundles, data_path, settings, tmp_path):
    """Without the newest clicks of the data another click is the last of a user."""
    earlier = settings(val_interval={"timestamp": "(-inf,1400000650]"})
    other = recbole_iacn.build("MIND", "tiny", config_dict=earlier).save(str(tmp_path / "earlier"))
    *_, notes = sheets_of([bundles["MIND"], other], Asked(data_path, k=3))
    assert notes == [
        "The bundles' settings make different test rows, so their figures are of different users or clicks."
    ]


def test_wrong_input_is_one_line(bundles, data_path, settings, tmp_path):
    plain = recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings(iacn_mode="off")).save(str(tmp_path / "off"))
    floor = recbole_iacn.build("Popularity", "tiny", config_dict=settings()).save(str(tmp_path / "floor"))
    mind = bundles["MIND"]
    for paths, asked, message in (
        (
            [mind, plain],
            Asked(data_path),
            r"off: iacn_mode: interests need the capsules of mode full, this model's is 'off'$",
        ),
        ([floor], Asked(data_path), r"floor: Popularity: has no interests; models of the family have \(MIND, ComiRec"),
        ([mind, mind], Asked(data_path), r"MIND: is named twice; name each bundle once$"),
        ([mind], Asked(data_path, rows=-1), r"^rows: must be a whole number, 0 or more, got -1$"),
        ([mind], Asked(data_path, seed=-1), r"^seed: must be a whole number, 0 or more, got -1$"),
        ([mind], Asked(data_path, k=99), r"MIND: k: must be a whole number from 1 to 40, the number of items"),
        ([mind], Asked(data_path, category="genre"), r"MIND: category: the bundle has no column 'genre' of items."),
        (
            [mind],
            Asked("nowhere"),
            r"^data_path: there is no folder nowhere.tiny; name the one that contains tiny/, or",
        ),
        ([mind], Asked(), r"^data_path: there is no folder dataset.tiny"),
        ([str(tmp_path / "none")], Asked(data_path), r"none: must be the folder of a bundle, there is none"),
    ):
        with pytest.raises(ConfigError, match=message):
            sheets_of(paths, asked)


def test_bundles_of_different_data_are_not_compared(bundles, settings, tmp_path):
    from helpers import write_atomic

    write_atomic(tmp_path, "small", users=30, events=6)
    changes = settings(data_path=str(tmp_path))
    other = recbole_iacn.build("MIND", "small", config_dict=changes).save(str(tmp_path / "other"))
    with pytest.raises(
        ConfigError, match=r"other: is of small, and .*MIND of tiny; one sheet is of one dataset's rows"
    ):
        sheets_of([bundles["MIND"], other])


def test_the_same_command_gives_the_same_figures(bundles, data_path):
    first, again = (sheets_of([bundles["DIN_IaCN"]], Asked(data_path, rows=10, k=3))[0][0] for _ in range(2))
    assert first == again and all(np.isfinite(line.model.mean) for line in first.lines)


@pytest.mark.parametrize(
    "model, interests, lines",
    [("ComiRec", 4, 20), ("TiMiRecPlus", 4, 20), ("TiSASRec", 1, 5), ("DIEN_IaCN", 4, 20), ("WideDeep_IaCN", 4, 20)],
)
def test_every_model_with_interests_has_a_sheet(model, interests, lines, data_path, settings):
    """Click models of both kinds, and of the family also one that reads times; without a warning of NumPy's."""
    small = {} if model.endswith("IaCN") else {"hidden_size": 8, "inner_size": 8}
    path = recbole_iacn.build(model, "tiny", config_dict=settings(**small)).save("model")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        (found,), _, _ = sheets_of([path], Asked(data_path, rows=10, k=3))
    assert (found.interests, len(found.lines)) == (interests, lines)
    assert all(0 < line.users <= 10 for line in found.lines)
