"""Every model, extractor and task of this package passes the checks that others may inherit."""

import pytest
import torch
from helpers import BACKBONES

import recbole_iacn
from recbole_iacn import names
from recbole_iacn.names import FAMILY, FLOORS
from recbole_iacn.nn.extractor import PositionalRouting, SelfAttentiveInterests
from recbole_iacn.testing import ClickModelChecks, ExtractorChecks, RetrievalModelChecks, TaskChecks
from recbole_iacn.testing.models import ModelChecks

pytestmark = pytest.mark.slow


def checked(kind, name, **attributes):
    globals()[f"Test{name}"] = type(f"Test{name}", (kind,), {"__module__": __name__, **attributes})


for backbone in BACKBONES:
    checked(ClickModelChecks, f"{backbone}_IaCN", model=f"{backbone}_IaCN")
for recommender in FAMILY:
    checked(RetrievalModelChecks, recommender, model=recommender)
for floor in FLOORS:  # they have no loss, no seed, and many equal scores
    apart = ("losses_and_gradients_are_finite", "one_seed_is_one_training", "every_item_has_a_finite_score")
    without = {f"test_{check}": None for check in apart}
    checked(ModelChecks, floor, model=floor, settings=RetrievalModelChecks.settings, **without)
for extractor in (*map(names.extractors.find, names.TASK_EXTRACTORS), PositionalRouting, SelfAttentiveInterests):
    checked(ExtractorChecks, extractor.__name__, extractor=extractor)
checked(TaskChecks, "CapsuleTask", task="iacn")
checked(TaskChecks, "Bpr", task="iacn", settings={"iacn_loss": "bpr", "iacn_extractor": "recurrent"})
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


class NoMask(torch.nn.Module):
    """Reads padding, too."""

    def __init__(self, embedding_size, num_interests, max_length):
        super().__init__()

    def forward(self, behaviors, mask):
        return behaviors.mean(dim=1, keepdim=True), mask.new_ones(len(mask), 1)


class Neighbour(NoMask):
    """Reads the row before."""

    def forward(self, behaviors, mask):
        real = mask.unsqueeze(2)
        return ((behaviors * real).sum(dim=1, keepdim=True)).roll(1, dims=0), mask.new_ones(len(mask), 1)


@pytest.mark.parametrize(
    ("extractor", "check"), [(NoMask, "test_padding_has_no_say"), (Neighbour, "test_rows_do_not_see_each_other")]
)
def test_a_bad_extractor_fails_its_check(extractor, check):
    torch.manual_seed(1)
    history = torch.randn(6, 7, 4), torch.arange(7) < torch.tensor([[7], [6], [5], [3], [2], [1]])
    with pytest.raises(AssertionError):
        getattr(ExtractorChecks(), check)(extractor(4, 3, 7), history)


class Careless(recbole_iacn.AuxiliaryTask):
    """Reads the item tables without mixing the gradient."""

    name = "careless"

    def losses(self, model, batch, clicked):
        return model.item_tables.auxiliary(batch[model.ITEM_ID][clicked]).square().sum()


def test_a_bad_task_fails_its_check(tmp_path, monkeypatch):
    monkeypatch.setitem(names.tasks, "careless", Careless)
    checks = type("Checks", (TaskChecks,), {"task": "careless"})()
    with pytest.raises(AssertionError, match=r"model\.auxiliary_embedding"):
        checks.test_delta_1_leaves_the_second_embedding_to_the_main_task(tmp_path)
