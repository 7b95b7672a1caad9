"""Custom model classes: what they inherit, and which are rejected."""

import sys

import pytest
import torch
from recbole.model.context_aware_recommender.deepfm import DeepFM
from recbole.model.general_recommender.bpr import BPR
from recbole.model.sequential_recommender.dien import DIEN
from recbole.model.sequential_recommender.sasrec import SASRec

import recbole_iacn
from recbole_iacn import ConfigError, names
from recbole_iacn.data.history import TimedHistoryDataset
from recbole_iacn.settings import Group, table
from recbole_iacn.training.two_stages import TiMiRecTrainer


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """Registrations end with the test that makes them."""
    monkeypatch.setattr(names, "registered", dict(names.registered))
    for module in [module for name, module in sys.modules.items() if name.startswith("recbole_iacn")]:
        if vars(module).get("registered") is not None:
            monkeypatch.setattr(module, "registered", names.registered)
    monkeypatch.setattr(table, "added", dict(table.added))


def own(base, name="Mine", **attributes):
    return type(name, (base,), {"__module__": __name__, "__qualname__": f"own.{name}", **attributes})


def test_a_custom_model_inherits_settings_dataset_and_trainer(settings):
    class Mine(recbole_iacn.TiMiRec):
        pass

    made = recbole_iacn.build(Mine, "tiny", config_dict=settings(mlp_hidden_size=..., embedding_size=..., topk=[5]))
    assert type(made.model) is Mine and type(made.trainer) is TiMiRecTrainer
    expected = {key: made.config[key] for key in ("stages", "learning_rate", "protocol", "embedding_size")}
    assert expected == {
        "stages": "two",
        "learning_rate": 0.001,
        "protocol": "leave_one_out_sampled",
        "embedding_size": 64,
    }

    class Timed(recbole_iacn.TiSASRec):
        pass

    given = settings(mlp_hidden_size=..., topk=[5])
    assert isinstance(recbole_iacn.build(Timed, "tiny", config_dict=given).dataset, TimedHistoryDataset)


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        (BPR, {"mlp_hidden_size": ...}, {"embedding_size": 8}),
        (SASRec, {"mlp_hidden_size": ..., "loss_type": "BPR"}, {"n_layers": 2, "hidden_size": 64}),
        (DIEN, {}, {"gru_type": "AUGRU"}),
    ],
)
def test_a_model_derived_from_one_of_recboles_inherits_them_too(monkeypatch, settings, base, changes, expected):
    """RecBole itself would look up defaults, dataset and trainer by the class's own name and find none."""
    Mine = own(base, __qualname__="Mine")
    monkeypatch.setitem(globals(), "Mine", Mine)  # RecBole's trainer pickles the class
    result = recbole_iacn.run(Mine, "tiny", config_dict=settings(epochs=1, **changes))
    stock = recbole_iacn.run(base, "tiny", config_dict=settings(epochs=1, **changes))
    assert result["test_result"] == stock["test_result"] and type(result["model"]) is Mine
    config = recbole_iacn.build("Mine", "tiny", config_dict=settings(**changes)).config
    assert {key: config[key] for key in expected} == expected


def test_recboles_own_functions_accept_its_name(settings):
    from recbole.quick_start import run_recbole

    recbole_iacn.register(own(recbole_iacn.DIN_IaCN, "MyDIN"))
    result = run_recbole(model="MyDIN", dataset="tiny", config_dict=settings(epochs=1))
    assert set(result["test_result"]) == {"auc", "gauc", "logloss"}


def test_custom_settings_are_known_checked_and_have_defaults(settings):
    class Width(Group):
        my_width: int = 3
        """Of something."""

    Mine = own(recbole_iacn.MIND, settings=Width)
    given = settings(mlp_hidden_size=..., topk=[5])
    assert recbole_iacn.build(Mine, "tiny", config_dict=given).config["my_width"] == 3
    assert recbole_iacn.build(Mine, "tiny", config_dict={**given, "my_width": 5}).config["my_width"] == 5
    with pytest.raises(ConfigError, match="my_width: must be an integer, got 'wide'"):
        recbole_iacn.build(Mine, "tiny", config_dict={**given, "my_width": "wide"})


def test_a_class_that_is_defined_again_replaces_the_earlier_one():
    first, second = own(recbole_iacn.MIND), own(recbole_iacn.MIND)
    recbole_iacn.register(first)
    assert recbole_iacn.register(second) is second and names.registered["Mine"] is second


class _Taken(Group):
    embedding_size: int = 3
    """RecBole has it."""


class _OursTaken(Group):
    iacn_delta: float = 0.5
    """We have it."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: 7, "register: 7 is not a RecBole model class; derive it from"),
        (lambda: torch.nn.Linear, "register: Linear is not a RecBole model class"),
        (
            lambda: own(DeepFM),
            r"register: Mine is context-aware and reads no history; give recbole_iacn.interest_aware(Mine)",
        ),
        (lambda: own(BPR, "SASRec"), "register: the name SASRec is taken by RecBole's model; rename the class"),
        (lambda: own(BPR, "MIND"), "register: the name MIND is taken by this package's model; rename the class"),
        (lambda: own(BPR, "FM_IaCN"), "register: the name FM_IaCN is taken by this package's model; rename the class"),
        (lambda: own(BPR, settings=_Taken), "model 'Mine': setting 'embedding_size' exists already (RecBole's)"),
        (lambda: own(BPR, settings=_OursTaken), "model 'Mine': setting 'iacn_delta' exists already (recbole_iacn's)"),
        (
            lambda: own(BPR, settings={"x": 1}),
            "model 'Mine': settings must be a subclass of recbole_iacn.settings.Group",
        ),
    ],
)
def test_a_class_that_cannot_be_registered_is_rejected_in_one_line(settings, make, message):
    before = dict(names.registered)
    for entry in (recbole_iacn.register, lambda cls: recbole_iacn.run(cls, "tiny", config_dict=settings())):
        with pytest.raises(ConfigError) as error:
            entry(make())
        assert message in str(error.value) and "\n" not in str(error.value)
    assert names.registered == before


def test_the_name_of_another_class_is_rejected():
    recbole_iacn.register(own(BPR))
    other = own(BPR, __qualname__="elsewhere.Mine")
    with pytest.raises(ConfigError, match=r"register: the name Mine is taken by .*own\.Mine; rename the class"):
        recbole_iacn.register(other)


def test_a_custom_backbone_with_a_taken_name_is_rejected():
    with pytest.raises(ConfigError, match="register: the name DeepFM_IaCN is taken"):
        recbole_iacn.interest_aware(own(DeepFM, "DeepFM"))


class Gate(Group):
    gate_start: float = 0.5
    """Start of a gate."""


def test_a_backbones_settings_come_with_it(settings):
    Backbone = own(DeepFM, "Gated", settings=Gate)
    made = recbole_iacn.build(recbole_iacn.interest_aware(Backbone), "tiny", config_dict=settings())
    assert made.config["gate_start"] == 0.5
    with pytest.raises(ConfigError, match="gate_start: must be a number, got 'wide'"):
        recbole_iacn.build("Gated_IaCN", "tiny", config_dict=settings(gate_start="wide"))


def test_settings_of_an_ancestor_that_was_never_registered_come_too(settings):
    Child = own(own(recbole_iacn.MIND, "Parent", settings=Gate), "Child")
    given = settings(mlp_hidden_size=..., topk=[5])
    assert recbole_iacn.build(Child, "tiny", config_dict=given).config["gate_start"] == 0.5


def test_a_rejected_class_leaves_no_settings():
    before = dict(table.added)
    with pytest.raises(ConfigError, match="the name Sasrec is taken by RecBole's model"):
        recbole_iacn.register(own(BPR, "Sasrec", settings=Gate))
    assert table.added == before
    recbole_iacn.register(own(BPR, settings=Gate))


def test_dataset_and_trainer_may_be_given_as_classes(settings):
    class Loud(TiMiRecTrainer):
        pass

    Mine = own(recbole_iacn.TiMiRec, trainer_class=Loud)
    made = recbole_iacn.build(Mine, "tiny", config_dict=settings(mlp_hidden_size=..., topk=[5]))
    assert type(made.trainer) is Loud
    recbole_iacn.register(own(BPR, "MyBPR"))
    assert not names.is_ours("MyBPR") and names.is_ours("Mine")


@pytest.mark.parametrize("model", ["DeepFM", 3])
def test_interest_aware_takes_a_class(model):
    with pytest.raises(ConfigError, match="interest_aware: takes a model class, got"):
        recbole_iacn.interest_aware(model)
