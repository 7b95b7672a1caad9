"""Runs on a Ray cluster give the same results as on one machine, and a failed run does not affect the others.

Tests marked ``ray`` need a Ray that can be imported, unlike the one that RecBole pins: ``make test-ray``.
"""

import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import types
from pathlib import Path

import pytest

from recbole_iacn.cli import main
from recbole_iacn.experiments import ray_cluster, runner
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.store import result_path


def on_ray(test):
    """Mark a test that starts its own Ray."""
    return pytest.mark.ray(pytest.mark.slow(test))


@pytest.fixture
def plan(file, settings, data_path):
    """A function that writes a plan of short runs; its arguments are the keys that differ."""
    own = settings(epochs=2, data_path=..., show_progress=..., state=..., seed=...)

    def make(changed=(), **changes):
        return read_plan(file(data_path=str(data_path), settings={**own, **dict(changed)}, **changes))

    return make


@pytest.fixture(scope="module")
def private_ray():
    """Ray's files and token are in a temporary folder, and no usage statistics are sent."""
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder, "token").write_text("0" * 64)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN_PATH", f"{folder}/token")
        patch.setenv("RAY_TMPDIR", folder)  # a short path, because it contains sockets
        yield


@pytest.fixture
def cluster(private_ray):
    """A cluster on loopback with no core at its head, as in practice; ``add_node(num_cpus=1)`` adds one."""
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    yield made
    made.shutdown()


def untimed(folder):
    """Each run's result, without the fields that differ when the run is repeated."""
    results = {path.name: json.loads(path.read_text()) for path in (folder / "runs").glob("*.json")}
    for one in results.values():
        for timed in (one, *one["epochs"]):
            del timed["seconds"]
        del one["loading"], one["peak_mb"]
    return results


# --- without Ray


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("AttributeError('np.bool8')", "(AttributeError: np.bool8); pip install --upgrade ray, or omit --ray"),
        ("ImportError('No module named pkg_resources')", "(ImportError: No module named pkg_resources)"),
    ],
)
def test_a_ray_that_cannot_be_imported_is_rejected(plan, tmp_path, monkeypatch, capsys, error, message):
    """RecBole's Ray cannot be imported with today's NumPy and setuptools."""
    plan()
    (tmp_path / "broken" / "ray").mkdir(parents=True)
    (tmp_path / "broken" / "ray" / "__init__.py").write_text(f"raise {error}\n")
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / "broken"))
    assert f"ray: it cannot be imported {message}" in _rejected(tmp_path, capsys, "local")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_an_address_where_nothing_listens_is_rejected(plan, tmp_path, monkeypatch, capsys, address):
    plan()
    monkeypatch.setitem(sys.modules, "ray", types.ModuleType("ray"))
    said = _rejected(tmp_path, capsys, address)
    assert f"ray: no cluster at '{address}': [Errno 111] Connection refused" in said


def test_a_rehearsal_on_ray_is_rejected(plan, tmp_path, capsys):
    plan()
    assert "omit --ray or --rehearse" in _rejected(tmp_path, capsys, "local", "--rehearse")


def _rejected(tmp_path, capsys, address, *more):
    """The one line with which the command ends before it creates a folder."""
    with pytest.raises(SystemExit, match="2"):
        main(["experiment", str(tmp_path / "trial.yaml"), "--out", str(tmp_path / "out"), "--ray", address, *more])
    assert not (tmp_path / "out").exists()
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    return said


# --- on a cluster of this machine


@on_ray
def test_a_cluster_gives_the_same_results_as_processes(plan, tmp_path, cluster, monkeypatch):
    """Five runs on two nodes with one core each; two of the runs have no data."""
    runs = plan(datasets=["tiny", "gone"], modes=["off", "full"], seeds=[1])
    runs.runs.append(plan(modes=["width"], seeds=[1]).runs[0])
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    for _ in range(2):
        cluster.add_node(num_cpus=1)

    def attempt(task):  # it is pickled by value, so it must import what it uses
        import ray

        from recbole_iacn.experiments.runner import _attempt

        (nodes / ray.get_runtime_context().get_node_id()).touch()
        return _attempt(task)

    def run(name, ray=None):
        folder = tmp_path / name
        failed = runner.run_all(runs, folder, progress=False, ray=ray)
        errors = {path.name: path.read_text().splitlines()[-1] for path in (folder / "runs").glob("*.error")}
        return sorted(one.id for one in failed), untimed(folder), errors, len(list((folder / "runs").iterdir()))

    with monkeypatch.context() as patch:
        patch.setattr(runner, "_attempt", attempt)
        on_cluster = run("cluster", cluster.address)
    assert len(list(nodes.iterdir())) == 2
    failed, results, errors, files = on_cluster
    assert len(failed) == len(errors) == 2 and len(results) == 3 and files == 5
    assert on_cluster == run("processes")


@on_ray
def test_a_lost_run_has_failed_and_the_others_continue(plan, tmp_path, cluster, monkeypatch):
    """One run is killed and one loses its node; the third then runs on the other node."""
    import ray

    runs = plan(modes=["full"], seeds=[1, 2, 3])
    killed, orphaned, fine = runs.runs
    tried = tmp_path / "tried"
    tried.mkdir()
    nodes = {node.node_id: node for node in (cluster.add_node(num_cpus=1) for _ in range(2))}

    def attempt(task):
        run = task[0]
        (tried / f"{run.seed} {os.getpid()}").touch()
        if run.seed == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if run.seed == 2:
            (tmp_path / "node").write_text(ray.get_runtime_context().get_node_id())
            time.sleep(3600)
        return '{"seed": 3}', None

    def lose_node():
        while not (tmp_path / "node").is_file():
            time.sleep(0.1)
        time.sleep(0.5)  # until the name is written
        node = nodes[(tmp_path / "node").read_text()]
        cluster.remove_node(node, allow_graceful=False)

    monkeypatch.setattr(runner, "_attempt", attempt)
    thread = threading.Thread(target=lose_node, daemon=True)
    thread.start()
    failed = runner.run_all(runs, tmp_path / "out", progress=False, ray=cluster.address)
    thread.join()
    assert sorted(run.seed for run in failed) == [1, 2]
    assert json.loads(result_path(tmp_path / "out", fine).read_text()) == {"seed": 3}
    for run, words in ((killed, "died"), (orphaned, "node")):
        said = result_path(tmp_path / "out", run).with_suffix(".error").read_text()
        print(said)
        assert words in said.lower()
    assert sorted(path.name[0] for path in tried.iterdir()) == ["1", "2", "3"]  # none was repeated


@on_ray
def test_the_results_are_written_even_if_the_nodes_cannot_access_the_folder(plan, tmp_path, private_ray, monkeypatch):
    """A node on another machine has the data, but no folder of results, and does not create one."""
    runs = plan(modes=["off"], seeds=[1])
    elsewhere = tmp_path / "elsewhere"

    def attempt(task):
        from recbole_iacn.experiments.runner import _attempt

        run, data_path, _ = task
        return _attempt((run, data_path, str(elsewhere)))

    monkeypatch.setattr(runner, "_attempt", attempt)
    assert runner.run_all(runs, tmp_path / "out", progress=False, ray="local") == []
    assert len(untimed(tmp_path / "out")) == 1 and not elsewhere.exists()


@on_ray
def test_a_cluster_without_a_core_is_reported(cluster, monkeypatch):
    monkeypatch.setattr(ray_cluster, "_SILENCE", 1)
    call, ended = ray_cluster.connect(cluster.address), []
    with pytest.warns(UserWarning, match="ray: no node with a core is left; 2 tasks are waiting for one") as seen:
        thread = threading.Thread(target=lambda: ended.extend(call(lambda task: task + 1, [1, 2])))
        thread.start()
        give_up = time.monotonic() + 60
        while not seen.list and time.monotonic() < give_up:
            time.sleep(0.1)
        cluster.add_node(num_cpus=1)
        thread.join()
    assert len(seen.list) == 1 and sorted(ended) == [(1, 2, None), (2, 3, None)]


@on_ray
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("rubbish", "Invalid address format"),
        ("127.0.0.1:{port}", "the server there did not answer as a Ray cluster within 10 s"),
    ],
)
def test_an_address_without_a_cluster_is_rejected(plan, tmp_path, private_ray, monkeypatch, capfd, address, message):
    """The message is Ray's own, or ours if another server listens there."""
    plan()
    monkeypatch.setattr(ray_cluster, "_ANSWER", 10)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = address.format(port=server.getsockname()[1])
        assert f"ray: no cluster at {address!r}: {message}" in _rejected(tmp_path, capfd, address)


@on_ray
def test_recboles_objective_reports_to_the_tune_that_runs_it(settings, tmp_path, private_ray):
    """RecBole passes each metric as a keyword, which a current Ray rejects."""
    import ray
    from ray import tune

    given = {**settings(epochs=1), "model": "DIN_IaCN", "dataset": "tiny", "checkpoint_dir": str(tmp_path)}

    def trial(config):
        import sys

        sys.argv = sys.argv[:1]  # RecBole reads the command line as settings
        from recbole.quick_start import objective_function

        import recbole_iacn  # noqa: F401  (after RecBole: both orders work)

        objective_function({**given, **config}, saved=False)

    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        space = {"learning_rate": tune.grid_search([0.001, 0.01])}
        run = tune.RunConfig(storage_path=str(tmp_path / "tune"), verbose=0)
        results = tune.Tuner(trial, param_space=space, run_config=run).fit()
        assert not results.errors
        assert all(0 < one.metrics["auc"] < 1 for one in results) and len(results) == 2
    finally:
        ray.shutdown()
