"""RecBole's own functions accept this package's models by name, and its own models' settings stay unchanged."""

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from helpers import in_fresh_process

import recbole_iacn

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("by", ["name", "class"])
def test_run_recbole_takes_name_and_class(settings, by):
    from recbole.quick_start import run_recbole

    model = "DIN_IaCN" if by == "name" else recbole_iacn.DIN_IaCN
    result = run_recbole(model=model, dataset="tiny", config_dict=settings())
    assert set(result["test_result"]) == {"auc", "gauc", "logloss"}


@pytest.mark.slow
def test_objective_function_takes_our_model(settings):
    from recbole.quick_start import objective_function

    result = objective_function(settings(model="DIN_IaCN", dataset="tiny"), saved=False)
    assert result["model"] == "DIN_IaCN"
    assert 0 <= result["test_result"]["auc"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("DIN_IaCN", {}),
        ("DIN", {}),
        ("SASRec", {"loss_type": "BPR", "mlp_hidden_size": ..., "hidden_size": 8, "inner_size": 8}),
        ("BPR", {"mlp_hidden_size": ...}),
        ("Pop", {"mlp_hidden_size": ..., "epochs": 1}),
    ],
)
def test_our_run_equals_recboles(settings, model, changes):
    """This holds for stock models, too: what our run omits (RecBole's count of FLOPs) changes no metric."""
    from recbole.quick_start import run_recbole

    ours = recbole_iacn.run(model, "tiny", config_dict=settings(**changes))
    stock = run_recbole(model=model, dataset="tiny", config_dict=settings(**changes))
    assert {key: ours[key] for key in stock} == stock
    assert type(ours["model"]).__name__ == model and Path(ours["checkpoint"]).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN"])
def test_a_fresh_process_loads_model_and_data_and_ranks(settings, name):
    result = recbole_iacn.run(name, "tiny", config_dict=settings())
    (checkpoint,) = Path("saved").glob(f"{name}-*.pth")
    code = """
        import sys
        import recbole_iacn
        from recbole.quick_start import load_data_and_model

        config, model, dataset, train, valid, test = load_data_and_model(sys.argv[1])
        from recbole.utils import get_trainer
        from recbole.utils.case_study import full_sort_topk

        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
        scores, items = full_sort_topk(dataset.token2id("user_id", ["u3", "u4"]), model, test, k=5)
        print({k: float(v) for k, v in trainer.evaluate(test, load_best_model=False).items()})
        print(tuple(items.shape), bool((items > 0).all()), bool((scores[:, :-1] >= scores[:, 1:]).all()))
    """
    metrics, ranking = in_fresh_process(code, checkpoint).splitlines()[-2:]
    assert eval(metrics) == {name: float(value) for name, value in result["test_result"].items()}
    assert ranking == "(2, 5) True True"


@pytest.mark.slow
def test_a_run_writes_nothing_to_stderr(settings):
    code = """
        import sys
        import recbole_iacn
        settings = eval(sys.argv.pop())
        recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), repr(settings())], capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_names_that_are_not_ours_stay_recboles():
    import recbole.data.dataset
    import recbole.trainer
    from recbole.utils import get_model, get_trainer

    assert get_model("DIN").__module__ == "recbole.model.sequential_recommender.din"
    assert get_trainer(None, "DIN") is recbole.trainer.Trainer
    assert not hasattr(recbole.data.dataset, "DINDataset")
    assert get_model("DIN_IaCN") is recbole_iacn.DIN_IaCN
    assert recbole_iacn.DIN_IaCN.__module__ == "recbole_iacn.model.click.backbones"
    with pytest.raises(AttributeError, match="DIM_IaCN"):
        recbole_iacn.DIM_IaCN  # noqa: B018


@pytest.mark.slow
def test_anomaly_detection_is_off_after_a_look_up():
    from recbole.utils import get_model

    get_model("DIN_IaCN")
    assert not torch.is_anomaly_enabled()


_ALL_CONFIGS = """
    import json, sys
    sys.argv = ["x"]
    import numpy as np
    for old, new in {"float_": "float64", "complex_": "complex128", "unicode_": "str_"}.items():
        if not hasattr(np, old):
            setattr(np, old, getattr(np, new))
    if OURS:
        import recbole_iacn
    import recbole
    from pathlib import Path
    from recbole.config import Config
    from recbole.utils import ModelType
    import recbole.config.configurator as configurator

    kinds = {folder.name: folder for folder in (Path(recbole.__file__).parent / "model").iterdir()}
    names = sorted(p.stem for p in (Path(recbole.__file__).parent / "properties" / "model").glob("*.yaml"))
    types = {"general": "GENERAL", "context_aware": "CONTEXT", "sequential": "SEQUENTIAL",
             "knowledge_aware": "KNOWLEDGE", "exlib": "DECISIONTREE"}
    out = {}
    for name in names:
        kind = next(k for k, folder in kinds.items() if (folder / f"{name.lower()}.py").is_file())
        stand_in = type(name, (), {"type": ModelType[types[kind.removesuffix("_recommender")]],
                                   "input_type": configurator.InputType.POINTWISE})
        for dataset in ("ml-100k", "other"):
            config = Config(model=stand_in, dataset=dataset)
            out[f"{name}/{dataset}"] = {key: str(value) for key, value in config.final_config_dict.items()}
    print(json.dumps(out))
"""


@pytest.mark.slow
def test_settings_of_every_stock_model_stay_identical():
    """They are compared for every model of RecBole, on ml-100k and on another dataset, with and without the import of
    this package."""
    import json

    code = textwrap.dedent(_ALL_CONFIGS)
    codes = [code.replace("if OURS:", f"if {ours}:") for ours in (True, False)]
    with ThreadPoolExecutor() as both:  # at once: each takes seconds
        with_us, without = (json.loads(said.splitlines()[-1]) for said in both.map(in_fresh_process, codes))
    assert len(without) > 150
    assert with_us == without


@pytest.mark.parametrize("backbone", ["DIN", "DIEN", "WideDeep", "DSSM", "KD_DAGFM"])
@pytest.mark.parametrize("dataset", ["ml-100k", "tiny"])
def test_our_settings_are_based_on_those_of_the_backbone(settings, backbone, dataset):
    """Only settings that the protocol fixes or that ``properties/IaCN.yaml`` names may differ."""
    from recbole.config import Config

    from recbole_iacn.checks.properties import own_properties
    from recbole_iacn.data.protocol import PROTOCOLS

    given = settings() if dataset == "tiny" else {}
    ours = Config(model=f"{backbone}_IaCN", dataset=dataset, config_dict=given).final_config_dict
    stock = Config(model=backbone, dataset=dataset, config_dict=given).final_config_dict
    changed = {key for key in stock if ours.get(key) != stock[key]}
    named = {line.partition(":")[0] for path in own_properties() for line in path.read_text().splitlines()}
    evaluation = {"valid_neg_sample_args", "test_neg_sample_args", "data_path", "model", "MODEL_TYPE"}
    protocol = PROTOCOLS["leave_one_out_ctr"]
    assert changed <= named | set(protocol.settings) | set(protocol.defaults) | evaluation
    assert ours["load_col"] == stock["load_col"]
    assert ours["embedding_size"] == stock["embedding_size"]
