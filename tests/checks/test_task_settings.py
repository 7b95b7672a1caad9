"""Settings of the auxiliary task without effect: one line, and none where all have one."""

import logging

import pytest

from recbole_iacn.checks.idle_settings import without_effect
from recbole_iacn.checks.task_settings import EXTRACTOR_OPTIONS
from recbole_iacn.names import TASK_EXTRACTORS, extractors
from recbole_iacn.settings import iacn
from recbole_iacn.settings.group import defaults

OF_ROUTING = "iacn_routing_iterations, iacn_logit_std, iacn_settling_iterations"


class WithTask:
    backbone = object


def idle(changes):
    return without_effect({**defaults(iacn.Task), **changes}, WithTask, changes)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"iacn_extractor": "mean"}, None),  # only what is given
        ({"iacn_extractor": "routing", "iacn_logit_std": 0.1, "iacn_interests": 2}, None),
        ({"iacn_extractor": "mean", "iacn_interests": 2}, "iacn_interests with iacn_extractor: mean"),
        (
            {"iacn_extractor": "attention", "iacn_settling_iterations": 5, "iacn_interest_rounding": "floor"},
            "iacn_settling_iterations with iacn_extractor: attention",
        ),
        (
            {"iacn_extractor": "block", "iacn_routing_iterations": 2, "iacn_logit_std": 1.0, "iacn_map_scale": 2.0},
            "iacn_routing_iterations, iacn_logit_std with iacn_extractor: block",
        ),
        (
            {"iacn_extractor": "last", "iacn_power": 2.0, "iacn_interest_rounding": "ceil", "iacn_interests": 4},
            "iacn_interest_rounding, iacn_interests with iacn_extractor: last; iacn_power with one interest",
        ),
        ({"iacn_interests": 1, "iacn_attention": "hard"}, "iacn_attention with one interest"),
        ({"iacn_interests": 1, "iacn_logit_std": 1.0}, "iacn_logit_std with one interest"),
        ({"iacn_attention": "hard", "iacn_power": 2.0}, "iacn_power with iacn_attention: hard"),
        ({"iacn_distillation_warmup": 2}, "iacn_distillation_warmup with iacn_target: label"),
        ({"iacn_target": "distilled", "iacn_distillation_warmup": 2}, None),
        ({"iacn_target": "distilled", "iacn_power": 2.0}, "iacn_power with iacn_target: distilled"),
        ({"iacn_target": "distilled", "iacn_power": 2.0, "iacn_relationship": "detached"}, None),
        (
            {"iacn_target": "distilled", "iacn_extractor": "recurrent", "iacn_distillation_weight": 2.0},
            "iacn_distillation_weight with one interest",
        ),
    ],
)
def test_what_has_no_effect_is_said(changes, line):
    assert idle(changes) == (line and f"Settings without effect: {line}")


@pytest.mark.parametrize("changes", [{"iacn_mode": "width"}, {"iacn_mode": "off"}, {"auxiliary_tasks": ["own"]}])
def test_nothing_is_said_of_a_task_that_the_model_does_not_have(changes):
    config = {**defaults(iacn.Task), "loss": None, "iacn_extractor": "mean", "iacn_interests": 2}
    assert without_effect(config, WithTask, config) is not None
    assert without_effect({**config, **changes}, WithTask, config) is None


def test_an_extractor_of_the_users_reads_its_sizes_alone(monkeypatch):
    class Own:
        def __init__(self, embedding_size, num_interests, max_length, map_scale=1.0): ...

    monkeypatch.setitem(extractors, "own", Own)
    changes = {"iacn_extractor": "own", "iacn_map_scale": 2.0, "iacn_interests": 1, "iacn_power": 2.0}
    line = idle(changes)
    assert line == "Settings without effect: iacn_map_scale with iacn_extractor: own"
    # The prediction of the next interest has a map, too.
    changes["iacn_target"] = "distilled"
    assert "iacn_map_scale" not in (idle(changes) or "")


def test_routing_reads_all_options():
    config = {**defaults(iacn.Task), "iacn_target": "distilled"}
    assert set(EXTRACTOR_OPTIONS) < set(config) and config["iacn_extractor"] in TASK_EXTRACTORS
    assert without_effect(config, WithTask, EXTRACTOR_OPTIONS) is None


def test_a_build_says_it_once_and_only_of_a_model_with_the_task(build, caplog):
    with caplog.at_level(logging.WARNING, logger="recbole_iacn"):
        build("WideDeep_IaCN", iacn_extractor="mean", iacn_interests=2)
    lines = [record.getMessage() for record in caplog.records if "without effect" in record.getMessage()]
    assert lines == ["Settings without effect: iacn_interests with iacn_extractor: mean"]
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="recbole_iacn"):
        build("WideDeep_IaCN", iacn_extractor="mean", iacn_interests=2, iacn_mode="width")
    assert not [record for record in caplog.records if "without effect" in record.getMessage()]
