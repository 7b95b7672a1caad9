"""Two processes with half a batch each compute what one process computes with the whole."""

import socket
import subprocess
import sys

import processes
import pytest
import torch
import torch.multiprocessing as mp
from helpers import give_other_weights, write_atomic

import recbole_iacn
from recbole_iacn import parallel, quick_start
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import SUFFIX


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exchanged")
    mp.spawn(processes.exchange, args=(folder, free_port()), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.slow
def test_values_of_different_lengths_are_gathered(exchanged):
    for rank, found in enumerate(exchanged):
        assert [part.tolist() for part in found["gather"]] == [[0, 1, 2], [10, 11]]
        assert found["own_first"].tolist() == [[0, 1, 2, 10, 11], [10, 11, 0, 1, 2]][rank]


@pytest.mark.slow
def test_numbers_and_objects_are_exchanged(exchanged):
    for found in exchanged:
        assert found["of_first"].tolist() == [5] and found["object"] == {"rank": 0}
        assert found["mean"].tolist() == [1.5] and found["total"] == 7 and found["share"] == 0.75


@pytest.mark.slow
def test_gradients_are_averaged(exchanged):
    for found in exchanged:
        assert found["table"].flatten().tolist() == [0, 3, 0, 1, 0]
        assert found["weight"].flatten().tolist() == [0.5] * 5
        assert found["unused"] is None


@pytest.mark.slow
def test_batch_normalisation_is_that_of_all_rows(exchanged):
    norm = torch.nn.BatchNorm1d(2)
    rows = torch.tensor([[1.0, 2.0], [3.0, 5.0], [8.0, 1.0]], requires_grad=True)
    normed = norm(rows)
    (normed * torch.tensor([1.0, 2.0])).square().sum().backward()
    for rank, found in enumerate(exchanged):
        torch.testing.assert_close(found["normed"], normed[rank::2].detach())
        torch.testing.assert_close(found["rows_grad"], rows.grad[rank::2], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found["running"], torch.stack([norm.running_mean, norm.running_var]))


def test_one_process_exchanges_nothing():
    values = torch.arange(3)
    assert parallel.own_first(values) is values and parallel.gather(values)[0] is values
    assert parallel.share(3, 7) == 1 and parallel.total(3) == 3 and parallel.rank() == 0 and parallel.size() == 1


RANKED = {"topk": [5], "eval_negatives": 20, "mlp_hidden_size": ..., "dropout_prob": ...}
# name -> (model, settings): both losses, the mixing by delta, batch normalisation, sparse tables, uniform negatives
CASES = {
    "din": ("DIN_IaCN", {"iacn_negatives": 5}),
    "din sparse": ("DIN_IaCN", {"sparse_embedding_rows": 0, "iacn_delta": 1.0}),
    "dien": ("DIEN_IaCN", {}),
    "bpr": ("WideDeep_IaCN", {"iacn_loss": "bpr", "iacn_extractor": "recurrent"}),
    "bpr drawn": ("WideDeep_IaCN", {"iacn_loss": "bpr", "iacn_negatives": 5, "iacn_extractor": "block"}),
    "wide and deep": ("WideDeep_IaCN", {"iacn_user_profile": ["age"], "iacn_delta": 0.0}),
    "softmax": ("TiMiRec", {**RANKED, "stages": "joint", "loss": "softmax"}),
    "uniform": ("TiMiRec", {**RANKED, "stages": "joint", "train_negatives": 9}),
    "popularity": (
        "TiMiRec",
        {**RANKED, "stages": "joint", "train_negatives_from": "popularity", "train_negatives": 9},
    ),
    "batch": ("TiMiRec", {**RANKED, "stages": "joint", "train_negatives_from": "batch", "train_negatives": 200}),
    "histories": ("ESASRec", {**RANKED, "item_dropout_prob": 0.0, "dropout_prob": 0.0}),
    "flows": (
        "Re4",
        {**RANKED, "train_negatives": 9, "interest_rounding": "ceil", "recontrast_weight": 0, "reattend_weight": 1.0},
    ),
    "penalty": ("ComiRec", {**RANKED, "train_negatives": 9, "interest_diversity": "routing"}),
    "with a norm": ("xDeepFM_IaCN", {"reg_weight": 0.01, "sparse_embedding_rows": 0}),
}


@pytest.fixture(scope="module")
def halves(tmp_path_factory, data_path, settings_of):
    """What one process computes from a batch of 61 rows, saved for two processes to do the same; and their results."""
    folder = tmp_path_factory.mktemp("halves")
    cases, expected = {}, {}
    for name, (model_name, changes) in CASES.items():
        given = settings_of(**{"checkpoint_dir": str(folder), "dropout_prob": 0.0, **changes})
        made = recbole_iacn.build(model_name, "tiny", config_dict=given)
        model, train_data = made.model, made.train_data
        give_other_weights(model)
        batch = next(iter(train_data))
        batch = batch[torch.arange(min(len(batch), 61))]
        if model_name == "DIEN" + SUFFIX:
            batch = model.with_history(batch)
        torch.save({"state": model.state_dict(), "batch": batch}, folder / f"{name}-whole.pt")
        torch.manual_seed(3)
        losses = processes.as_tuple(model.calculate_loss(batch))
        sum(losses).backward()
        gradients = {n: p.grad.to_dense() for n, p in model.named_parameters() if p.grad is not None}
        cases[name], expected[name] = (model_name, given), (torch.stack(losses).detach(), gradients)
    mp.spawn(processes.gradients, args=(folder, free_port(), cases), nprocs=2)
    return folder, expected


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_halves_make_a_whole(halves, name):
    folder, expected = halves
    losses, gradients = expected[name]
    found = [torch.load(folder / f"{name}-{rank}.pt") for rank in range(2)]
    torch.testing.assert_close((found[0]["losses"] + found[1]["losses"]) / 2, losses, atol=1e-5, rtol=1e-5)
    assert losses[1] > 0 and found[0]["losses"][1] != found[1]["losses"][1]
    for one in found:
        assert one["gradients"].keys() == gradients.keys()
        for parameter, gradient in gradients.items():
            torch.testing.assert_close(one["gradients"][parameter], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_run_in_two_processes_is_that_of_one(settings, tmp_path):
    """Same figures but for rounding, one log, one checkpoint, which RecBole loads."""
    from recbole.quick_start import load_data_and_model

    given = settings(checkpoint_dir="saved", epochs=2, learning_rate=0.01, dropout_prob=0.0)
    alone = quick_start.run("WideDeep_IaCN", "tiny", config_dict={**given, "checkpoint_dir": "alone"})
    both = quick_start.run("WideDeep_IaCN", "tiny", config_dict=given, nproc=2, port=free_port())
    for name, value in alone["test_result"].items():
        assert both["test_result"][name] == pytest.approx(value, abs=1e-3), name
    assert len(list((tmp_path / "saved").iterdir())) == 1
    assert len(list((tmp_path / "log" / "WideDeep_IaCN").iterdir())) == 2  # one of each run
    config, _, _, _, _, test_data = load_data_and_model(str(next((tmp_path / "saved").iterdir())))
    assert config["single_spec"] and len(test_data._dataset) == 60


@pytest.mark.slow
def test_two_stages_in_two_processes_are_those_of_one(settings):
    """Ranked rows are gathered, and the best extractor is handed to both processes."""
    given = settings(epochs=2, learning_rate=0.01, mlp_hidden_size=..., topk=[5], eval_negatives=20)
    alone = quick_start.run("TiMiRec", "tiny", config_dict={**given, "checkpoint_dir": "alone"})
    both = quick_start.run("TiMiRec", "tiny", config_dict=given, nproc=2, port=free_port())
    for name, value in alone["test_result"].items():
        assert both["test_result"][name] == pytest.approx(value, abs=0.02), name  # one of 60 users


@pytest.mark.slow
def test_torchrun_starts_a_run(settings, tmp_path):
    import yaml

    (tmp_path / "run.yaml").write_text(yaml.safe_dump(settings(epochs=1)))
    lines = ["import os", "from recbole_iacn.cli.train import main", "result = main()"]
    lines.append("open('result' + os.environ['RANK'], 'w').write(str(result))")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port", free_port()]
    (tmp_path / "go.py").write_text("\n".join(lines))
    done = subprocess.run(
        [*command, "go.py", "--model=FM_IaCN", "--dataset=tiny", "--config_files=run.yaml"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "auc" in (tmp_path / "result0").read_text() and (tmp_path / "result1").read_text() == "None"


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("WideDeep", {}, "nproc, world_size: several processes train this package's models only"),
        ("WideDeep_IaCN", {"iacn_delta": 2}, "iacn_delta: must be"),
    ],
)
def test_wrong_settings_are_rejected_before_there_are_processes(settings, model, changes, message):
    with pytest.raises(ConfigError, match=message):
        quick_start.run(model, "tiny", config_dict=settings(**changes), nproc=2, port=free_port())


def test_a_port_in_use_is_named(settings):
    with socket.socket() as other:
        other.bind(("localhost", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with pytest.raises(ConfigError, match=f"can't listen at localhost:{port}"):
            quick_start.run("WideDeep_IaCN", "tiny", config_dict=settings(), nproc=2, port=port)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"nproc": 0}, "nproc: must be at least 1, got 0"),
        ({"nproc": 2, "port": "abc"}, "port: must be a number from 1 to 65535, got 'abc'"),
        ({"nproc": 2, "port": "70000"}, "port: must be a number"),
    ],
)
def test_a_wrong_address_is_named(settings, place, message):
    with pytest.raises(ConfigError, match=message):
        quick_start.run("WideDeep_IaCN", "tiny", config_dict=settings(), **place)


@pytest.mark.slow
def test_an_error_in_a_process_reaches_the_user(settings, tmp_path):
    """More processes than test rows: found only once the data are split."""
    write_atomic(tmp_path, "one", users=1)
    given = settings(data_path=str(tmp_path))
    with pytest.raises(ConfigError, match="nproc: 2 processes for 1 rows of evaluation; use fewer"):
        quick_start.run("WideDeep_IaCN", "one", config_dict=given, nproc=2, port=free_port())
