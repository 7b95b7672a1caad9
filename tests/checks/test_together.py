"""Settings that a model cannot train with are one line before the data are read."""

from pathlib import Path

import pytest

import recbole_iacn
from recbole_iacn.building import configure
from recbole_iacn.errors import ConfigError

INTERACTIONS = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}}
RANKED = {
    "eval_args": {"mode": "full", "split": {"LS": "valid_and_test"}, "order": "TO"},
    "metrics": ["Recall"],
    "valid_metric": "Recall@10",
    "mlp_hidden_size": ...,
}


LABELLED = {"load_col": {"inter": ["user_id", "item_id", "timestamp", "rating"]}, "threshold": {"rating": 3}}


def rejected(settings, model, **changes):
    with pytest.raises(ConfigError) as caught:
        configure(model, "tiny", config_dict=settings(**changes))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("model", ["DSSM", "DSSM_IaCN"])
def test_dssm_has_two_towers(settings, model):
    line = rejected(settings, model, double_tower=False)
    assert line == "double_tower: must be True for DSSM, whose towers these are, got False"
    configure(model, "tiny", config_dict=settings(double_tower=True, **({} if "_" in model else LABELLED)))
    configure("WideDeep_IaCN", "tiny", config_dict=settings())  # others have none


@pytest.mark.parametrize("model", ["KD_DAGFM", "KD_DAGFM_IaCN"])
def test_a_later_phase_starts_from_a_file(settings, model):
    data = {"mlp_hidden_size": ..., **({} if model.endswith("_IaCN") else LABELLED)}
    given = {**data, "phase": "distillation"}
    assert rejected(settings, model, **given).startswith("warm_up: phase distillation starts from a checkpoint of the")
    line = rejected(settings, model, **given, warm_up="nowhere.pth")
    assert line == "nowhere.pth: No such file or directory; name a checkpoint of the phase before by warm_up"
    Path("there.pth").write_bytes(b"")
    configure(model, "tiny", config_dict=settings(**given, warm_up="there.pth"))
    configure(model, "tiny", config_dict=settings(**data))


@pytest.mark.parametrize("model", ["SASRec", "GRU4Rec", "BPR", "LightGCN"])
def test_a_model_that_learns_from_pairs_needs_negatives(settings, model):
    given = {**INTERACTIONS, **RANKED, "train_neg_sample_args": None}
    bpr = {"loss_type": "BPR"} if model in ("SASRec", "GRU4Rec") else {}
    line = rejected(settings, model, **given, **bpr)
    assert line.startswith(f"train_neg_sample_args: {model} learns from pairs; set distribution and sample_num")
    assert line.endswith(", or loss_type to CE") == bool(bpr)
    drawn = {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}}
    configure(model, "tiny", config_dict=settings(**given | drawn, **bpr))


@pytest.mark.parametrize(
    "model, more", [("SASRec", {"loss_type": "CE"}), ("MultiVAE", {}), ("SINE", {"loss_type": "CE"})]
)
def test_others_need_none(settings, model, more):
    configure(model, "tiny", config_dict=settings(**INTERACTIONS, **RANKED, train_neg_sample_args=None, **more))


def test_an_unwritable_checkpoint_dir_is_found_first(settings):
    Path("file").write_text("")
    for folder, line in (
        ("file/saved", "file/saved: cannot be written (file is a file); set checkpoint_dir to another folder"),
        ("file", "checkpoint_dir: file is a file; name a folder"),
        ("n" * 300, f"{'n' * 300}: cannot be written (File name too long); set checkpoint_dir to another folder"),
    ):
        assert rejected(settings, "DIN_IaCN", checkpoint_dir=folder) == line
    configure("DIN_IaCN", "tiny", config_dict=settings(checkpoint_dir="new/deep"))
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_parts_of_a_class_are_found_first(settings):
    class Lost(recbole_iacn.MIND):
        trainer_class = "recbole_iacn.training.trainer.NoTrainer"

    line = rejected(settings, Lost, **INTERACTIONS, mlp_hidden_size=...)
    assert line.startswith("Lost.trainer_class: 'recbole_iacn.training.trainer.NoTrainer' cannot be imported (")
    assert line.endswith("; set it to a class, or to 'module.Class'")

    class Mistaken(recbole_iacn.MIND):
        dataset_class = dict

    line = rejected(settings, Mistaken, **INTERACTIONS, mlp_hidden_size=...)
    assert line == "Mistaken.dataset_class: must be a class derived from RecBole's Dataset, got <class 'dict'>"


@pytest.mark.parametrize(
    ("model", "changes", "line"),
    [
        ("YouTubeDNN", {}, "interest_diversity: YouTubeDNN has one interest; leave it out"),
        ("TiSASRec", {}, "interest_diversity: TiSASRec has one interest; leave it out"),
        (
            "ComiRec",
            {"num_interests": 1},
            "interest_diversity: needs several interests; set num_interests to 2 or more",
        ),
    ],
)
def test_a_penalty_on_several_interests_needs_them(settings, model, changes, line):
    given = {**INTERACTIONS, "mlp_hidden_size": ..., **changes}
    assert rejected(settings, model, **given, interest_diversity="cosine").startswith(line)
    configure(model, "tiny", config_dict=settings(**given, interest_diversity="none"))
