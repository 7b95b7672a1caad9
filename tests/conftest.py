"""The fixtures of every test: small data, settings for it, and a way to build RecBole's objects from both."""

import logging
import os
import shutil
import signal
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: tiny products only lose by threads

import pytest
import yaml
from helpers import CHROMIUM, SHORT_RANKING, write_atomic

import recbole_iacn

# A shell without job control starts what is put in the background (`make test &`) with Ctrl-C ignored, and every
# process that a test starts, to interrupt it, would ignore it, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_path(tmp_path_factory):
    return write_atomic(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def clean_run(tmp_path, monkeypatch):
    """Runs write below tmp_path, and RecBole, which reads sys.argv, does not read pytest's. What an earlier run made of
    the log's level (``state``) is undone. Handlers of signals are as they were: another test sends itself Ctrl-C."""
    logging.getLogger().setLevel(logging.WARNING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["test"])
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.fixture(scope="session")
def settings_of(data_path):
    """Settings for a run of seconds; call with changes."""

    def build(**changes):
        base = {
            "data_path": str(data_path),
            "load_col": {
                "inter": ["user_id", "item_id", "timestamp"],
                "item": ["item_id", "categories"],
                "user": ["user_id", "age"],
            },
            "embedding_size": 8,
            "mlp_hidden_size": [16, 8],
            "MAX_ITEM_LIST_LENGTH": 6,
            "train_batch_size": 64,
            "eval_batch_size": 64,
            "epochs": 2,
            "show_progress": False,
            "state": "ERROR",
            "seed": 7,
        }
        base.update(changes)
        return {key: value for key, value in base.items() if value is not ...}

    return build


@pytest.fixture
def settings(settings_of):
    return settings_of


@pytest.fixture
def build(settings):
    """(config, train, valid, test, model) for a model's name or class."""

    def make(model="DIN_IaCN", dataset="tiny", **changes):
        made = recbole_iacn.build(model, dataset, config_dict=settings(**changes))
        return made.config, made.train_data, made.valid_data, made.test_data, made.model

    return make


@pytest.fixture
def file(tmp_path):
    """Writes an experiment's file, two runs of WideDeep unless changed; ``...`` leaves a key out."""
    base = {"datasets": ["tiny"], "models": ["WideDeep"], "seeds": [1, 2]}

    def write(name="trial.yaml", **changes):
        content = {key: value for key, value in {**base, **changes}.items() if value is not ...}
        (tmp_path / name).write_text(yaml.safe_dump(content, sort_keys=False))
        return tmp_path / name

    return write


@pytest.fixture
def train_ranking(build):
    """(model, trainer, test metrics, stage and validation score after each epoch) of a training."""

    def train(name="TiMiRec", dataset="tiny", resume=None, **changes):
        from recbole.utils import get_trainer

        config, training, valid, test, model = build(name, dataset, **{**SHORT_RANKING, **changes})
        trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
        if resume:
            trainer.resume_checkpoint(resume)
        seen = []

        def note(epoch, score):
            seen.append((int(getattr(model, "stage", 0)), epoch, float(score)))

        trainer.fit(training, valid, verbose=False, callback_fn=note)
        return model, trainer, trainer.evaluate(test), seen

    return train


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window, if there is one."""
    webdriver = pytest.importorskip("selenium.webdriver")
    driver = shutil.which("chromedriver")
    if not (CHROMIUM and driver):
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    quiet = "headless=new no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update"
    for flag in [*quiet.split(), "disable-sync", "disable-quic"]:
        options.add_argument(f"--{flag}")
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield window
    window.quit()
