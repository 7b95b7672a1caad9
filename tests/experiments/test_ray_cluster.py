"""On Ray as on this machine: the same results, and a failure of one run is that run's alone.

Those marked ``ray`` need a Ray that can be imported, which RecBole's pin does not bring: ``make test-ray``.
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
    """Mark a test that starts a Ray of its own."""
    return pytest.mark.ray(pytest.mark.slow(test))


@pytest.fixture(autouse=True)
def handlers():
    """Those of signals, which Ray replaces by its own."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def plan(file, settings, data_path):
    """Write a plan of short runs; call with the keys that differ."""
    own = settings(epochs=2, data_path=..., show_progress=..., state=..., seed=...)

    def make(changed=(), **changes):
        return read_plan(file(data_path=str(data_path), settings={**own, **dict(changed)}, **changes))

    return make


@pytest.fixture(scope="module")
def private_ray():
    """Ray's files and token in a folder of the test's own, and no usage statistics sent."""
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder, "token").write_text("0" * 64)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN_PATH", f"{folder}/token")
        patch.setenv("RAY_TMPDIR", folder)  # a short path: it holds sockets
        yield


@pytest.fixture
def cluster(private_ray):
    """A cluster on loopback whose head has no core, as it is used in practice; ``add_node(num_cpus=1)`` adds one."""
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    yield made
    made.shutdown()


def untimed(folder):
    """Each run's result, without what differs between two times that it is made."""
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
    """As RecBole's is, on today's NumPy and setuptools."""
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


def test_a_rehearsal_is_not_for_ray(plan, tmp_path, capsys):
    plan()
    assert "omit --ray or --rehearse" in _rejected(tmp_path, capsys, "local", "--rehearse")


def _rejected(tmp_path, capsys, address, *more):
    """What the command says, in one line, before it makes a folder."""
    with pytest.raises(SystemExit, match="2"):
        main(["experiment", str(tmp_path / "trial.yaml"), "--out", str(tmp_path / "out"), "--ray", address, *more])
    assert not (tmp_path / "out").exists()
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    return said


# --- on a cluster of this machine


@on_ray
def test_a_cluster_gives_the_results_that_processes_give(plan, tmp_path, cluster, monkeypatch):
    """Three runs on two nodes of one core: one finds no data, one does not see the folder of results."""
    runs = plan(modes=["off", "full"], seeds=[1])
    runs.runs.extend(plan(datasets=["gone"], modes=["full"], seeds=[1]).runs)
    nodes, elsewhere = tmp_path / "nodes", tmp_path / "elsewhere"
    nodes.mkdir()
    for _ in range(2):
        cluster.add_node(num_cpus=1)

    def attempt(task):  # pickled as it stands, so it imports what it names
        import ray

        from recbole_iacn.experiments.runner import _attempt

        (nodes / ray.get_runtime_context().get_node_id()).touch()
        return _attempt(task if task.run.mode == "full" else task._replace(folder=str(elsewhere)))

    def run(name, ray=None):
        folder = tmp_path / name
        failed = runner.run_all(runs, folder, progress=False, ray=ray)
        errors = {path.name: path.read_text().splitlines()[-1] for path in (folder / "runs").glob("*.error")}
        return sorted(one.id for one in failed), untimed(folder), errors, len(list((folder / "runs").iterdir()))

    with monkeypatch.context() as patch:
        patch.setattr(runner, "_attempt", attempt)
        on_cluster = run("cluster", cluster.address)
    assert len(list(nodes.iterdir())) == 2 and not elsewhere.exists()
    failed, results, errors, files = on_cluster
    assert len(failed) == len(errors) == 1 and len(results) == 2 and files == 3
    assert on_cluster == run("processes")


@on_ray
def test_a_lost_run_has_failed_and_the_others_go_on(plan, tmp_path, cluster, monkeypatch):
    """One run is killed, one loses its node; the third then runs on the other node."""
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
        return runner.Outcome('{"seed": 3}')

    def lose_node():
        while not (tmp_path / "node").is_file():
            time.sleep(0.1)
        time.sleep(0.5)  # the name is written
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
    assert sorted(path.name[0] for path in tried.iterdir()) == ["1", "2", "3"]  # none was tried again


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
def test_an_address_of_no_cluster_is_one_line(plan, tmp_path, private_ray, monkeypatch, capfd, address, message):
    """As Ray says it itself, or, where something else listens, for it."""
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

        import recbole_iacn  # noqa: F401  (after RecBole: either order will do)

        objective_function({**given, **config}, saved=False)

    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        run = tune.RunConfig(storage_path=str(tmp_path / "tune"), verbose=0)
        found = tune.Tuner(trial, param_space={"learning_rate": 0.01}, run_config=run).fit()
        assert not found.errors
        assert [0 < one.metrics["auc"] < 1 for one in found] == [True]
    finally:
        ray.shutdown()
