"""Settings of all kinds, on all ways in: each is accepted and works, or is one line, and nothing is left behind."""

import contextlib
import os
import random
import resource
import warnings

import settings_fuzz
import yaml

from faults.cases import case
from faults.judged import call, command, tree
from faults.malformed import BASE, SECONDS, small
from faults.odd_settings import TEXTS, VALUES, YAML, changed

KIND = "settings"
_BYTES = 12 << 30  # of address space: what asks for more ends in an error, and not the machine


@contextlib.contextmanager
def quiet(folder):
    """Runs write below a folder; what they ask for is bounded; RecBole's Config changes no environment."""
    before, soft_hard, environment = os.getcwd(), resource.getrlimit(resource.RLIMIT_AS), dict(os.environ)
    place = folder / "cwd"
    place.mkdir(exist_ok=True)
    os.chdir(place)
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, soft_hard[1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield place
    finally:
        os.chdir(before)
        resource.setrlimit(resource.RLIMIT_AS, soft_hard)
        os.environ.clear()
        os.environ.update(environment)


def _train(folder, done, *flags):
    """Run ``train`` for an epoch."""
    base = {key: value for key, value in BASE.items() if key not in {flag[2:].partition("=")[0] for flag in flags}}
    given = [f"--{key}={value}" for key, value in base.items()]
    with quiet(folder) as place:
        code, text = command(["train", "--dataset=tiny", f"--data_path={folder}", *given, *flags], SECONDS)
        if code:
            assert "epoch 0" not in text, f"{done}: rejected after training: {text[-300:]}"
            assert not [path for path in tree(place) if path.endswith(".pth")], f"{done}: a checkpoint is left"


@case(KIND, "one to three settings, in build; those that are accepted train", 250, in_suite=30, seconds=SECONDS)
def in_build(folder, seed):
    source = random.Random(seed)
    helpers_folder = small(folder).parent
    draws = settings_fuzz.draw(source.choice((1, 2, 3)), seed)
    model = draws[0][0]
    changes = {key: settings_fuzz.value_for(value) for _, key, value in draws}
    settings = {**settings_fuzz.settings_of(model), "data_path": str(helpers_folder), **changes}
    shown = ", ".join(f"{key}={value!r:.60}" for key, value in changes.items())
    with quiet(folder):
        config, error = call(lambda: settings_fuzz.enter(model, settings))
        if error is None and config["epochs"] < 5 and not config["torch_compile"]:
            trained, error = call(lambda: settings_fuzz.train(config))
            assert error or trained, f"{model}, {shown}: no metrics"


@case(KIND, "settings and flags of the command train", 100, in_suite=12, seconds=SECONDS)
def in_train(folder, seed):
    from recbole_iacn.checks.settings import known_keys

    source = random.Random(seed)
    small(folder)
    own = (
        "model",
        "dataset",
        "config_files",
        "resume",
        "from",
        "new_rows",
        "bundle",
        "ip",
        "port",
        "world_size",
        "nproc",
    )
    flags = []
    for _ in range(source.choice((1, 1, 2))):
        key = source.choice(own if source.random() < 0.3 else sorted(known_keys()))
        if key == "epochs" or key in ("world_size", "torch_compile", "gpu_id"):
            continue
        flags.append(f"--{key}={source.choice(TEXTS)}")
    flags = [flag for flag in flags if not flag.startswith(("--nproc=2", "--nproc=3", "--data_path"))]
    _train(folder, flags, *flags)


@case(KIND, "YAML files of settings", 150, in_suite=20, seconds=SECONDS)
def in_yaml(folder, seed):
    source = random.Random(seed)
    small(folder)
    path = folder / "settings.yaml"
    some = source.choice(YAML)
    if source.random() < 0.4:
        key, value = settings_fuzz.draw(1, seed)[0][1:]
        with contextlib.suppress(yaml.YAMLError, TypeError, ValueError):  # some values have no form in YAML
            some = yaml.dump({key: value, "seed": source.choice(VALUES)}, allow_unicode=source.random() < 0.5)
    lines = source.choice(("", "seed: 3\n")) + some + source.choice(("", "\n", "\nstopping_step: 2\n"))
    path.write_bytes(lines.encode(source.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1")), "replace"))
    where = source.choice(("file", "beside", "build"))
    if where == "beside":
        path = path.rename(folder / "tiny" / "tiny.yaml")
    if where == "build":
        with quiet(folder):
            import recbole_iacn

            given = {key: value for key, value in BASE.items() if key not in some}
            call(lambda: recbole_iacn.build("DIN_IaCN", "tiny", [str(path)], {**given, "data_path": str(folder)}))
        return
    _train(folder, some[:60], *([f"--config_files={path}"] if where == "file" else []))


PLAN = {
    "datasets": ["tiny"],
    "models": ["WideDeep"],
    "modes": ["off", "full"],
    "seeds": [1, 2],
    "settings": {key: value for key, value in BASE.items() if key != "seed"},
    "sweep": {"learning_rate": [0.01, 0.001]},
    "only": [{"when": {"dataset": "tiny", "mode": ["full"]}, "settings": {"iacn_lambda": 0.5}}],
    "search": {"learning_rate": {"low": 0.0003, "high": 0.003, "log": True}, "embedding_size": {"choices": [4, 8]}},
    "divergence": 10,
    "config_files": ["more.yaml"],
}


def _plan_file(folder, content, source):
    small(folder)
    (folder / "more.yaml").write_text("stopping_step: 2\n")
    path = folder / source.choice(("plan.yaml", "plan", "pl an.é.yaml"))
    path.write_text(yaml.dump(content, allow_unicode=True) if not isinstance(content, str) else content)
    return path


@case(KIND, "files of experiments", 200, in_suite=25, seconds=SECONDS)
def in_experiment(folder, seed):
    source = random.Random(seed)
    content = PLAN
    for _ in range(source.choice((1, 1, 2))):
        content = changed(content, source)
    path = _plan_file(folder, source.choice(YAML) if source.random() < 0.15 else content, source)
    with quiet(folder):
        before = tree(folder)
        command(["experiment", path, "--data_path", folder, "--out", folder / "results", "--plan"])
        assert tree(folder) == before, "a plan alone writes files"


@case(KIND, "search spaces", 50, quick=False, seconds=SECONDS)
def in_search(folder, seed):
    source = random.Random(seed)
    key = source.choice(("learning_rate", "embedding_size", "iacn_lambda", "mlp_hidden_size", "dropout_prob", "x"))
    likely = (
        {"low": 1, "high": 4},
        {"low": 0.1, "high": 0.5, "log": True},
        {"choices": [4, 8]},
        {"choices": [[4], [8]]},
    )
    space = changed({**PLAN["search"], key: source.choice(likely)}, source)
    plan = {**PLAN, "modes": ["full"], "seeds": [1], "sweep": {}, "search": space, "divergence": 0}
    path = _plan_file(folder, plan, source)
    with quiet(folder):
        command(["search", path, "--data_path", folder, "--out", folder / "results", "--trials", source.choice((1, 2))])
