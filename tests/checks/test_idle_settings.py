"""Settings of the multi-interest family without effect: what is said of them, and that they have none."""

import pytest
import torch
from helpers import SHORT_RANKING

from recbole_iacn.building import configure
from recbole_iacn.checks.idle_settings import without_effect
from recbole_iacn.model.retrieval.multi_interest import ComiRec

FULL = {**SHORT_RANKING, "protocol": "leave_one_out_full", "eval_negatives": ...}
ONE = "with a model of one interest"

# A model, the settings beside which others have no effect, those others, and the reason that is given.
IDLE = [
    ("YouTubeDNN", {}, {"num_interests": 2, "interest_rounding": "floor"}, ONE),
    ("TiSASRec", {}, {"num_interests": 2}, ONE),
    ("ESASRec", {}, {"interest_rounding": "ceil"}, ONE),
    ("ComiRec", {"extractor": "dr"}, {"attention_size": 4, "interest_positions": "values"}, "with extractor: dr"),
    ("ComiRec", {"extractor": "sa"}, {"routing_iterations": 1}, "with extractor: sa"),
    ("REMI", {}, {"routing_iterations": 1}, "with extractor: sa"),
    ("ComiRec", {"num_interests": 1}, {"interest_rounding": "ceil"}, "with one interest"),
    ("ComiRec", {"num_interests": 1, "extractor": "dr"}, {"routing_iterations": 1}, "with one interest"),
    ("MIND", {"label_attention": "hard"}, {"label_power": 2.0}, "with label_attention: hard"),
    (
        "MIND",
        {"num_interests": 1},
        {
            "interest_rounding": "floor",
            "routing_iterations": 1,
            "routing_logit_std": 1.0,
            "label_attention": "hard",
            "label_power": 2.0,
        },
        "with one interest",
    ),
    (
        "TiMiRec",
        {"stages": "extractor_twice"},
        {"distillation_weight": 2.0, "distillation_temperature": 1.0, "stop_gradient": False},
        "with stages: extractor_twice",
    ),
    (
        "TiMiRec",
        {"num_interests": 1},
        {"distillation_weight": 2.0, "distillation_temperature": 1.0, "stop_gradient": False},
        "with one interest",
    ),
    ("Re4", {"recontrast_weight": 0}, {"recontrast_temperature": 0.5}, "with recontrast_weight: 0"),
    (
        "TiMiRec",
        {"distillation_weight": 0.0},
        {"distillation_temperature": 1.0, "stop_gradient": False},
        "with distillation_weight: 0",
    ),
    (
        "ComiRec",
        {"train_negatives_from": "batch", "rows": "prefixes"},
        {"train_negatives": 256},
        "with train_negatives_from: batch, which has at most 256 targets",
    ),
    (
        "YouTubeDNN",
        {"train_negatives_from": "batch"},
        {"train_negatives": 256 * 6},
        "with train_negatives_from: batch, which has at most 1536 targets",
    ),
]

# The same settings where they have an effect.
READ = [
    ("ComiRec", {"num_interests": 2, "interest_rounding": "ceil", "attention_size": 4, "interest_positions": "none"}),
    ("ComiRec", {"extractor": "dr", "routing_iterations": 1, "interest_rounding": "ceil"}),
    ("ComiRec", {"interest_diversity": "cosine", "interest_diversity_weight": 2.0}),
    ("ComiRec", {"train_negatives_from": "batch", "train_negatives": 255, "rows": "prefixes"}),
    ("YouTubeDNN", {"train_negatives_from": "batch", "train_negatives": 256 * 6 - 1}),
    ("MIND", {"label_attention": "pow", "label_power": 2.0, "routing_logit_std": 1.0, "routing_iterations": 1}),
    ("TiMiRec", {"stages": "joint", "distillation_weight": 2.0, "distillation_temperature": 1.0}),
    ("TiMiRecPlus", {"stop_gradient": False, "predictor_layers": 2, "attention_size": 4}),
]


def said(settings, model, given):
    config = configure(model, "tiny", config_dict=settings(**{**FULL, **given}))
    return without_effect(config, config.model_class, given)


@pytest.mark.parametrize(("model", "beside", "idle", "reason"), IDLE)
def test_the_line_names_the_settings_and_the_reason(settings, model, beside, idle, reason):
    assert said(settings, model, {**beside, **idle}) == f"Settings without effect: {', '.join(idle)} {reason}"


@pytest.mark.parametrize(("model", "beside", "idle", "reason"), IDLE)
def test_what_is_said_to_have_no_effect_has_none(build, model, beside, idle, reason):
    def outcome(**changes):
        """Losses of a batch, and scores, of the weights that the seed gives."""
        _, train, _, test, network = build(model, **{**FULL, **beside, **changes})
        if hasattr(network, "start_second_stage"):
            network.start_second_stage()
        torch.manual_seed(0)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        torch.manual_seed(1)
        losses = network.calculate_loss(next(iter(train)))
        scores = network.eval().full_sort_predict(next(iter(test))[0])
        return sum(losses) if isinstance(losses, tuple) else losses, scores

    for one, other in zip(outcome(), outcome(**idle)):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("model", "given"), READ)
def test_nothing_is_said_of_settings_that_are_read(settings, model, given):
    assert said(settings, model, given) is None


@pytest.mark.parametrize(
    ("model", "given", "line"),
    [
        (
            "TiMiRec",
            {"stages": "extractor_twice", "predictor_layers": 2},
            "predictor_layers with stages: extractor_twice",
        ),
        ("TiMiRec", {"num_interests": 1, "predictor_layers": 2}, "predictor_layers with one interest"),
        ("REMI", {"loss": "bpr"}, "hard_negatives with loss: bpr"),  # which it has unless told otherwise
        ("ComiRec", {"interest_diversity_weight": 0}, None),
    ],
)
def test_more_of_the_lines(settings, model, given, line):
    assert said(settings, model, given) == (line and f"Settings without effect: {line}")


def test_a_batch_of_several_processes_has_more_targets(settings):
    given = {**FULL, "train_negatives_from": "batch", "rows": "prefixes", "train_negatives": 400}
    config = configure("ComiRec", "tiny", config_dict=settings(**given))
    assert "at most 256 targets" in without_effect(config, config.model_class, given)
    config["nproc"] = 2
    assert without_effect(config, config.model_class, given) is None


def test_a_model_of_the_users_may_read_any_setting(settings):
    class Own(ComiRec):
        def make_extractor(self, config):
            return super().make_extractor(config)

    given = {"routing_iterations": 1, "num_interests": 1, "interest_rounding": "ceil"}
    config = configure("ComiRec", "tiny", config_dict=settings(**{**FULL, **given}))
    assert without_effect(config, ComiRec, given) and without_effect(config, Own, given) is None


def test_what_is_searched_is_given_and_has_several_values(settings):
    config = configure("ComiRec", "tiny", config_dict=settings(**{**FULL, "num_interests": 1}))

    def line(given, searched):
        return without_effect(config, config.model_class, given, searched)

    assert line((), ["routing_iterations"]) == "Settings without effect: routing_iterations with one interest"
    assert line(["routing_iterations"], ["extractor", "num_interests"]) is None
    assert line(["interest_diversity_weight"], ["interest_diversity"]) is None


def test_several_reasons_are_one_line(settings):
    given = {"extractor": "dr", "attention_size": 4, "loss": "bpr", "train_negatives": 5, "num_interests": 2}
    line = "Settings without effect: train_negatives with loss: bpr; attention_size with extractor: dr"
    assert said(settings, "ComiRec", given) == line


def test_an_extractor_of_the_users_has_its_own_settings(settings, monkeypatch):
    from recbole_iacn.names import extractors

    monkeypatch.setitem(extractors, "own", torch.nn.Identity)
    given = {"extractor": "own", "attention_size": 4, "interest_rounding": "ceil", "num_interests": 2}
    line = "Settings without effect: attention_size, interest_rounding with extractor: own"
    assert said(settings, "ComiRec", given) == line
