"""Metrics of one's own."""

import pytest
import torch
from recbole.evaluator import register
from recbole.evaluator.base_metric import AbstractMetric
from recbole.utils import EvaluatorType

import recbole_iacn
from recbole_iacn import ConfigError
from recbole_iacn.training import metrics


@pytest.fixture(autouse=True)
def tables():
    """What a test adds to RecBole's tables is there for that test alone."""
    held = [register.metrics_dict, register.metric_information, register.metric_types, metrics._METRICS]
    before, smaller = [dict(table) for table in held], list(register.smaller_metrics)
    yield
    for table, content in zip(held, before):
        table.clear()
        table.update(content)
    register.smaller_metrics[:] = smaller


class Distance(AbstractMetric):
    """Mean absolute distance of scores and labels."""

    metric_type = EvaluatorType.VALUE
    metric_need = ("rec.score", "data.label")
    smaller = True

    def calculate_metric(self, collected):
        return {"distance": float((collected.get("rec.score") - collected.get("data.label")).abs().mean())}


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN"])
def test_it_is_measured_and_less_may_be_better(settings, model):
    recbole_iacn.add_metric(Distance)
    given = settings(protocol="leave_one_out_ctr", metrics=["AUC", "Distance"], valid_metric="Distance", epochs=3)
    made = recbole_iacn.build(model, "tiny", config_dict=given)
    seen = []
    made.fit(callback_fn=lambda _, score: seen.append(score))
    assert made.config["valid_metric_bigger"] is False
    assert made.trainer.best_valid_score == min(seen)
    rows = [batch[0] for batch in made.test_data]
    with torch.no_grad():
        gaps = [(made.model.eval().predict(one) - one["label"]).abs() for one in rows]
    assert made.test()["distance"] == pytest.approx(torch.cat(gaps).mean().item(), abs=1e-5)


class AUC(Distance):
    pass


class Typeless(AbstractMetric):
    pass


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (dict, "is not a subclass of recbole.evaluator.base_metric.AbstractMetric"),
        (AUC, "add_metric: the name 'auc' is taken by recbole_iacn; choose another"),
        (Typeless, "add_metric: Typeless has no metric_type"),
    ],
)
def test_what_cannot_be_added_is_one_line(metric, message):
    before = dict(register.metric_types)
    with pytest.raises(ConfigError) as told:
        recbole_iacn.add_metric(metric)
    assert message in str(told.value) and "\n" not in str(told.value) and register.metric_types == before


def test_a_metric_that_is_defined_again_says_anew_what_is_better():
    recbole_iacn.add_metric(Distance)
    again = type(
        "Distance", (Distance,), {"smaller": False, "__module__": Distance.__module__, "__qualname__": "Distance"}
    )
    recbole_iacn.add_metric(again)
    assert "distance" not in register.smaller_metrics and register.metrics_dict["distance"] is again
