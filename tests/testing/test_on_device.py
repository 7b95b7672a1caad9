"""Models on the stand-in for a GPU: they are the CPU's, no step mixes devices, and what a step waits for is counted.

Each test has a process of its own: PyTorch has to know the device before the first backward pass."""

import json
import subprocess
import sys

import pytest
import torch

from recbole_iacn.testing import stand_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not stand_in.available(), reason="PyTorch lacks the interface of the stand-in"),
    pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, which doctor --gpu takes"),
]

_BEGIN = """
import json, torch
from recbole_iacn.testing.stand_in import StandIn, register
register()
found = {}
def says(call):
    try:
        return str(call())
    except RuntimeError as error:
        return str(error)
"""


def found_by(code):
    """What a script leaves in ``found``."""
    script = f"{_BEGIN}\n{code}\nprint(json.dumps(found))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def doctor(*arguments):
    code = f"from recbole_iacn.cli import main; main(['doctor', '--gpu', *{arguments!r}])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    """What the doctor found: an interest-aware model of each kind, and two that rank."""
    path = tmp_path_factory.mktemp("doctor") / "found.json"
    names = ("DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "TiMiRec", "SASRec")
    run = doctor("--json", str(path), "--models", *names)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "5 of 5 models passed" in run.stdout
    return json.loads(path.read_text())


def test_models_are_the_same_to_the_bit(examined):
    assert [one["model"] for one in examined["models"]][-1] == "SASRec" and "stand-in" in examined["device"]
    for one in examined["models"]:
        assert one["scores"] == one["resumed"] == one["served"] == 0 and one["trained"] == 1 and one["error"] is None
        assert one["half"] is None and one["passes"]


def test_a_step_waits_only_where_sizes_hang_on_values(examined):
    """At most so often; a wait that is new belongs in the benchmark page, with its reason."""
    most = {"DIN_IaCN": 10, "DIEN_IaCN": 16, "WideDeep_IaCN": 10, "TiMiRec": 4, "SASRec": 1}
    waits = {one["model"]: one["waits"] for one in examined["models"]}
    for name, most_waits in most.items():
        assert 0 < sum(waits[name].values()) <= most_waits, waits[name]
    assert next(iter(waits["SASRec"])).startswith("_unique2, ranking_loss.py")


def test_a_model_that_mixes_devices_is_found():
    found = found_by(
        """
import recbole_iacn
from recbole_iacn.testing import on_device
from recbole_iacn.model.retrieval.multi_interest import MIND

class Mixing(MIND):
    def calculate_loss(self, interaction):
        return super().calculate_loss(interaction) + torch.arange(3.0).sum() * torch.zeros(2).sum() + (
            self.item_embedding.weight[0, 0] * torch.ones(2)).sum() * 0

class Waiting(MIND):
    def calculate_loss(self, interaction):
        loss = super().calculate_loss(interaction)
        return loss if float(loss) > -1 else loss

class Other(MIND):
    def full_sort_predict(self, interaction):
        scores = super().full_sort_predict(interaction)
        return scores + .01 if scores.device.type != "cpu" else scores

for one in (Mixing, Waiting, Other):
    recbole_iacn.register(one)
    found[one.__name__] = on_device.examine(one.__name__, "standin").plain()
plain = on_device.examine("MIND", "standin").plain()
found["MIND"] = plain
"""
    )
    assert found["MIND"]["passes"]
    assert not found["Mixing"]["passes"] and "mixes devices: (2,) on the CPU" in found["Mixing"]["error"]
    assert found["Waiting"]["passes"]
    assert sum(found["Waiting"]["waits"].values()) == sum(found["MIND"]["waits"].values()) + 1
    assert not found["Other"]["passes"] and found["Other"]["scores"] == pytest.approx(0.01, rel=0.01)


def test_what_a_gpu_waits_for_is_counted():
    found = found_by(
        """
operations = {
    "nonzero": lambda x: x.nonzero(), "mask": lambda x: x[x > 1], "item": lambda x: x.sum().item(),
    "tolist": lambda x: x.tolist(), "cpu": lambda x: x.cpu(), "unique": lambda x: x.unique(),
    "copy": lambda x: torch.empty(3).copy_(x), "bincount": lambda x: x.long().bincount(),
    "repeat": lambda x: x.repeat_interleave(x.long()),
    "equal": lambda x: torch.equal(x, x), "bool": lambda x: bool((x > 1).any()),
    "told": lambda x: x.repeat_interleave(x.long(), output_size=6), "sum": lambda x: x.sum(),
    "take": lambda x: x[x.long() - 1], "where": lambda x: torch.where(x > 1, x, 0),
    "fill": lambda x: x.masked_fill(x > 1, 0),
}
with StandIn() as gpu:
    x = torch.tensor([1.0, 2.0, 3.0], device=gpu.device)
    found["copies"] = sum(gpu.copies.values())
    for name, operation in operations.items():
        gpu.waits.clear()
        operation(x)
        found[name] = sum(gpu.waits.values())
    gpu.copies.clear()
    found["by a CPU index"] = x[torch.tensor([2])].tolist()
    found["its copies"] = sum(gpu.copies.values())
"""
    )
    waiting = ("nonzero", "mask", "item", "tolist", "cpu", "copy", "unique", "bincount", "repeat", "equal", "bool")
    assert {name: found[name] for name in waiting} == dict.fromkeys(waiting, 1)
    free = ("told", "sum", "take", "where", "fill")
    assert {name: found[name] for name in free} == dict.fromkeys(free, 0)
    assert found["copies"] == 1 and found["by a CPU index"] == [3.0] and found["its copies"] == 1


def test_what_mixes_devices_is_refused():
    found = found_by(
        """
with StandIn() as gpu:
    x, there = torch.ones(3), torch.ones(3, device=gpu.device)
    found["sum"] = says(lambda: x + there)
    found["write"] = says(lambda: there.add_(x))
    found["number"] = says(lambda: (there * torch.tensor(2.0)).tolist())
    found["copy"] = says(lambda: there.copy_(x).tolist())
    number = torch.tensor([0, 1], device=gpu.device)
    found["take"] = says(lambda: x[number])
    found["put"] = says(lambda: x.index_put_((number,), there[:2]))
    found["values"] = says(lambda: there.index_put_((number,), x[:2]))
lifts = torch._C._only_lift_cpu_tensors()
with StandIn():
    pass
found["as before"] = lifts == torch._C._only_lift_cpu_tensors()
with StandIn() as gpu:
    there = torch.ones(3, device=gpu.device)
    weight = torch.nn.Parameter(there)
    (weight * there.to(gpu.device)).sum().backward()
    found["gradient"] = [weight.grad.device.type, weight.grad.tolist()]
"""
    )
    assert "add.Tensor mixes devices: (3,) on the CPU, the rest on standin" in found["sum"]
    assert all("mixes devices" in found[name] for name in ("write", "take", "put", "values")) and found["as before"]
    assert found["number"] == "[2.0, 2.0, 2.0]" and found["copy"] == "[1.0, 1.0, 1.0]"
    assert found["gradient"] == ["standin", [1.0, 1.0, 1.0]]


def test_data_on_the_device_are_sent_once():
    """A batch is sent as its row numbers, and labels; the losses are the same."""
    found = found_by(
        """
import tempfile
from pathlib import Path
from recbole_iacn.building.assembly import assemble, configure
from recbole_iacn.testing.planted import planted_data, settings_of
from recbole_iacn.training.trainer import to_device

folder = Path(tempfile.mkdtemp())
planted_data(folder)
with StandIn() as gpu:
    for held in (False, True):
        config = configure("DIN_IaCN", "planted", config_dict=settings_of(folder, data_on_device=held))
        config["device"] = gpu.device
        training = assemble(config)
        assert len(list(training.train_data)) > 2  # an epoch, after which another one draws its negatives
        batches = iter(training.train_data)
        next(batches)
        gpu.copies.clear()
        batch = to_device(next(batches), gpu.device)
        if held:
            kept = training.train_data.held
            tensors = [*kept.inter_feat.values.values(), *kept.item_feat.interaction.values(), kept.inter_feat.index]
            tensors += [training.train_data.negatives]
            found["where"] = sorted({one.device.type for one in tensors})
        found[str(held)] = [sum(gpu.copies.values()), training.model.calculate_loss(batch)[0].item()]
"""
    )
    (copies, loss), (copies_held, loss_held) = found["False"], found["True"]
    assert loss == loss_held and copies_held <= 3 < copies and found["where"] == ["standin"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["doctor", "--models", "DIN"], "--models: is for --gpu"),
        (["doctor", "--json", "x.json"], "--json: is for --gpu"),
        (["doctor", "--gpu", "--models", "DIN_IaCM"], "'DIN_IaCM' is not examined. Did you mean 'DIN_IaCN'"),
        (["doctor", "--gpu", "--json", "nowhere/there/x.json"], "nowhere"),
    ],
)
def test_a_wrong_option_is_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    from recbole_iacn.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("recbole_iacn.testing.on_device.examine_all", lambda *_: pytest.fail("work was begun"))
    if "nowhere/there/x.json" in arguments:
        (tmp_path / "nowhere").write_text("a file")
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err
