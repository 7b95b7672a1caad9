"""Every model, extractor and task of this package passes the checks that others may inherit."""

import pytest
from helpers import BACKBONES

from recbole_iacn.names import FAMILY
from recbole_iacn.nn import BehaviorToInterestRouting
from recbole_iacn.nn.extractor import PositionalRouting, SelfAttentiveInterests
from recbole_iacn.testing import ClickModelChecks, ExtractorChecks, RetrievalModelChecks, TaskChecks

pytestmark = pytest.mark.slow


def checked(kind, name, **attributes):
    globals()[f"Test{name}"] = type(f"Test{name}", (kind,), {"__module__": __name__, **attributes})


for backbone in BACKBONES:
    checked(ClickModelChecks, f"{backbone}_IaCN", model=f"{backbone}_IaCN")
for recommender in FAMILY:
    checked(RetrievalModelChecks, recommender, model=recommender)
for extractor in (BehaviorToInterestRouting, PositionalRouting, SelfAttentiveInterests):
    checked(ExtractorChecks, extractor.__name__, extractor=extractor)
checked(TaskChecks, "CapsuleTask", task="iacn")
checked(TaskChecks, "Distilled", task="iacn", settings={"iacn_target": "distilled"})


def test_weights_that_a_backbone_holds_in_a_plain_tensor_are_saved(build):
    """RecBole's FwFM; a checkpoint of 0.5 does not have them."""
    *_, model = build("FwFM_IaCN")
    saved = model.state_dict()
    assert "weight" in saved and "weight" not in dict(model.named_parameters())
    old = {name: value for name, value in saved.items() if name != "weight"}
    before = model.weight.clone()
    model.load_state_dict(old)
    assert (model.weight == before).all()
