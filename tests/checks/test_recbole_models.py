"""Every model of RecBole trains for an epoch and is tested, or is rejected for what it lacks.

The list is docs/recbole_models.md.

``python tests/checks/test_recbole_models.py`` rewrites that page.
"""

import os
import sys
import textwrap
import types
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

import recbole_iacn
from recbole_iacn import ConfigError
from recbole_iacn.bridge.compat.extras import patch_model_look_up
from recbole_iacn.checks import recbole_models
from recbole_iacn.checks.recbole_models import EXTRAS, Extra, check_model_runs
from recbole_iacn.names import recbole_folder
from recbole_iacn.names import recbole_models as all_models

PAGE = Path(__file__).parent.parent.parent / "docs" / "recbole_models.md"

KINDS = {
    "general_recommender": "General",
    "sequential_recommender": "Sequential",
    "context_aware_recommender": "Context-aware",
    "knowledge_aware_recommender": "Knowledge-aware",
    "exlib_recommender": "Trees",
}

# What a kind of model needs beside RecBole's defaults. A key with None is a setting: ~.
BY_KIND = {
    "General": ({}, "`user_id`, `item_id`"),
    "Sequential": (
        {"train_neg_sample_args": None},
        "`timestamp`; `train_neg_sample_args: ~` where `loss_type` is `CE`, which is most models' default",
    ),
    "Context-aware": ({"threshold": {"rating": 3}}, "a label, such as that of `threshold: {rating: 3}`"),
    "Knowledge-aware": ({}, "files `.kg` and `.link`"),
    "Trees": ({"threshold": {"rating": 3}}, "a label, such as that of `threshold: {rating: 3}`"),
}

_PAIRS = {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}}
_VECTORS = {
    "load_col": {
        "inter": ["user_id", "item_id", "timestamp"],
        "kg": ["head_id", "relation_id", "tail_id"],
        "link": ["item_id", "entity_id"],
        "ent": ["ent_id", "ent_emb"],
        "rel": ["rel_id", "rel_emb"],
    },
    "additional_feat_suffix": ["ent", "rel"],
    "preload_weight": {"ent_id": "ent_emb", "rel_id": "rel_emb"},
    "alias_of_entity_id": ["ent_id"],
    "alias_of_relation_id": ["rel_id"],
    "kg_embedding_size": 8,
    # RecBole has no defaults of the evaluation for these two.
    "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
}
_VECTORS_TEXT = (
    "files `.kg`, `.link` and, with pre-trained vectors, `.ent` and `.rel`; `additional_feat_suffix`, "
    "`preload_weight`, `alias_of_entity_id`, `alias_of_relation_id`, `eval_args` in time order"
)
_RERANK = ({"reranker_CAN_NUM": 5}, "more items than `reranker_CAN_NUM` (100); always ranks all items, not a sample")

# What single models need, as settings and as text.
BY_MODEL = {
    "DIN": (_PAIRS, "`train_neg_sample_args` at their defaults"),
    "DIEN": (_PAIRS, "`train_neg_sample_args` at their defaults"),
    "FPMC": (_PAIRS, "`train_neg_sample_args` at their defaults: it learns from pairs"),
    "TransRec": (_PAIRS, "`train_neg_sample_args` at their defaults: it learns from pairs"),
    "ConvNCF": (
        {"embedding_size": 64},
        "an `embedding_size` that `cnn_kernels` and `cnn_strides` reduce to 1: 64 by default",
    ),
    "GRU4RecF": ({}, "a column of the item table, `selected_features`: `class`"),
    "SASRecF": ({}, "a column of the item table, `selected_features`: `class`"),
    "FDSA": ({}, "a column of the item table, `selected_features`: `class`"),
    "S3Rec": (
        {"pretrain_epochs": 1},
        "a column of the item table, `item_attribute`: `class`; trains in two runs, `train_stage`, of which the first "
        "has 500 `pretrain_epochs`",
    ),
    "GRU4RecKG": (_VECTORS, _VECTORS_TEXT),
    "KSR": (_VECTORS, _VECTORS_TEXT),
    "GRU4RecCPR": _RERANK,
    "SASRecCPR": _RERANK,
    "NNCF": ({}, "with `neigh_info_method: louvain`: `pip install networkx python-louvain`"),
    "LDiffRec": ({}, "with `n_cate` above 1: `pip install kmeans-pytorch`, and a file of item vectors"),
    "NCL": ({"num_clusters": 2}, "more users and more items than `num_clusters` (1,000)"),
}


def kind_of(model):
    """The heading of a model's folder in RecBole."""
    return next(
        kind
        for folder, kind in KINDS.items()
        if (recbole_folder() / "model" / folder / f"{model.lower()}.py").is_file()
    )


def page():
    """The text of docs/recbole_models.md."""
    models = all_models()
    lines = _HEAD.splitlines()
    for kind in KINDS.values():
        of_kind = [model for model in models if kind_of(model) == kind]
        free = [model for model in of_kind if model not in EXTRAS]
        lines += ["", f"## {kind}", "", f"Data and settings: {BY_KIND[kind][1]}."]
        if free:
            lines += ["", *textwrap.wrap(f"Run ({len(free)}): {', '.join(free)}.", 120)]
        rows = [(model, _needs(model)) for model in of_kind if model in EXTRAS or model in BY_MODEL]
        if rows:
            lines += ["", "| model | needs besides |", "|---|---|"]
            lines += [f"| {model} | {needs} |" for model, needs in rows]
    lines += ["", "## What is fixed", "", _MENDED]
    return "\n".join(lines).rstrip() + "\n"


def _needs(model):
    parts = []
    for extra in EXTRAS.get(model, ()):
        issue = f" ([#{extra.issue}](https://github.com/RUCAIBox/RecBole/issues/{extra.issue}))" if extra.issue else ""
        parts.append(f"`pip install {extra.requirement}`{issue}")
    if model == "KGAT":
        parts.append("it passes DGL an argument that DGL 1.0 removed, and older versions have no wheel for Python 3.11")
    if model in BY_MODEL:
        parts.append(BY_MODEL[model][1])
    return "; ".join(parts)


_HEAD = """\
# RecBole's own models

After `import recbole_iacn`, or by `recbole-iacn train`, every model of RecBole 1.2.1 trains, validates and tests on
today's NumPy, pandas, SciPy and PyTorch. A few need a package that RecBole does not install; without it they are
rejected in one line that names it, before any data are read. The list is a test:
`tests/checks/test_recbole_models.py` runs each model for an epoch, and writes this page.
"""

_MENDED = """\
`recbole-iacn doctor --patches` prints what this package changes in RecBole, why, and RecBole's issue. Without the
package none of the models runs on today's stack: the quick start cannot be imported. Once that is fixed,

- LightGCN, NGCF, GCMC, SpectralCF, NCL, KGIN and MCCLK fail at a method that SciPy 1.13 removed
  ([#2090](https://github.com/RUCAIBox/RecBole/issues/2090), [#2185](https://github.com/RUCAIBox/RecBole/issues/2185));
- SASRecCPR and GRU4RecCPR fail where FLOPs are counted, on any stack: their `predict` is an assertion that fails;
- KSR fails on any stack, as it multiplies float64 by float32;
- LightGBM and XGBoost do not find their own defaults on file systems that distinguish case
  ([#1883](https://github.com/RUCAIBox/RecBole/issues/1883)).
"""


# --- A small dataset with everything that a model may need


def _write(path, header, rows):
    path.write_text("\n".join(["\t".join(header), *("\t".join(map(str, row)) for row in rows)]) + "\n")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """30 users with 8 of 24 items each; the items' classes; a graph of entities, with vectors."""
    folder = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(0)
    stem = folder / "small" / "small"
    stem.parent.mkdir()
    clicks = [(f"u{u}", f"i{i}", 100 + t, 1 + t % 5) for u in range(30) for t, i in enumerate(rng.permutation(24)[:8])]
    header = ["user_id:token", "item_id:token", "timestamp:float", "rating:float"]
    _write(stem.with_suffix(".inter"), header, clicks)
    _write(
        stem.with_suffix(".item"), ["item_id:token", "class:token_seq"], [(f"i{i}", f"c{i % 3} all") for i in range(24)]
    )
    _write(stem.with_suffix(".user"), ["user_id:token", "age:token"], [(f"u{u}", u % 3) for u in range(30)])
    _write(stem.with_suffix(".link"), ["item_id:token", "entity_id:token"], [(f"i{i}", f"e{i}") for i in range(24)])
    facts = [(f"e{i}", f"r{i % 3}", f"e{24 + i % 6}") for i in range(24)] + [
        (f"e{24 + i}", "r0", f"e{i}") for i in range(6)
    ]
    _write(stem.with_suffix(".kg"), ["head_id:token", "relation_id:token", "tail_id:token"], facts)
    for kind, name, count in (("ent", "e", 30), ("rel", "r", 3)):
        vectors = [(f"{name}{i}", " ".join(f"{value:.3f}" for value in rng.normal(size=8))) for i in range(count)]
        _write(stem.with_suffix(f".{kind}"), [f"{kind}_id:token", f"{kind}_emb:float_seq"], vectors)
    return folder


def settings_for(model, folder):
    """A run of one epoch, in well under a second for most models."""
    columns = {
        "inter": ["user_id", "item_id", "timestamp", "rating"],
        "item": ["item_id", "class"],
        "user": ["user_id", "age"],
        "kg": ["head_id", "relation_id", "tail_id"],
        "link": ["item_id", "entity_id"],
    }
    kind = kind_of(model)
    quick = {"epochs": 1, "train_batch_size": 64, "embedding_size": 8, "mlp_hidden_size": [8, 8]}
    if kind == "General":  # whose layers' sizes must fit one another
        del quick["mlp_hidden_size"]
    return {
        "data_path": str(folder),
        "load_col": columns,
        "show_progress": False,
        "state": "ERROR",
        **quick,
        **BY_KIND[kind][0],
        **BY_MODEL.get(model, ({},))[0],
    }


@pytest.fixture
def no_waiting(monkeypatch):
    """RecBole measures the processor's load for a second at the end of each run."""
    import psutil

    monkeypatch.setattr(psutil, "cpu_percent", lambda *args, **kwargs: 0.0)


# --- The list is correct


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("model", all_models())
def test_every_model_runs_or_names_what_it_lacks(model, small, no_waiting):
    from recbole.quick_start import run_recbole

    given = {"model": model, "dataset": "small", "config_dict": settings_for(model, small), "saved": False}
    if any(extra.missing() for extra in EXTRAS.get(model, ())):
        small = small / "no data are read"
        given["config_dict"]["data_path"] = str(small)
        with pytest.raises(ConfigError, match=f"^model: {model} needs .*; pip install "):
            run_recbole(**given)
        return
    result = run_recbole(**given)
    assert result["test_result"] and all(np.isfinite(value) for value in result["test_result"].values())


def test_the_page_is_this_list():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_all_of_recboles_models_are_listed():
    """By their files: every module of a model in RecBole's folders, and nothing else."""
    modules = {
        path.stem
        for folder in KINDS
        for path in (recbole_folder() / "model" / folder).glob("*.py")
        if path.stem[0] != "_"
    }
    assert {model.lower() for model in all_models()} == modules
    assert set(EXTRAS) | set(BY_MODEL) <= set(all_models())


# --- What a model lacks


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setitem(EXTRAS, "NCL", (Extra("no_such_module", "some-package"),))
    with pytest.raises(ConfigError) as caught:
        recbole_iacn.run("NCL", "no such dataset")
    assert str(caught.value) == "model: NCL needs some-package, beside RecBole; pip install some-package"


def test_several_missing_packages_are_named_together(monkeypatch):
    monkeypatch.setitem(
        EXTRAS, "KGAT", (Extra("no_such_module", "one"), Extra("numpy", "numpy"), Extra("nor_this", "two<3"))
    )
    with pytest.raises(
        ConfigError, match=r"^model: KGAT needs one and two<3, beside RecBole; pip install one 'two<3'$"
    ):
        check_model_runs("KGAT")


@pytest.mark.parametrize("version, missing", [("0.9.1", False), ("1.0", True), ("2.1.0", True)])
def test_a_version_that_is_too_new_counts_as_missing(monkeypatch, version, missing):
    monkeypatch.setattr(recbole_models.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(recbole_models.importlib.metadata, "version", lambda name: version)
    assert Extra("dgl", "dgl<1", before=1).missing() is missing


def test_a_model_with_all_it_needs_passes(monkeypatch):
    monkeypatch.setitem(EXTRAS, "NCL", (Extra("numpy", "numpy"),))
    check_model_runs("NCL")
    check_model_runs("LightGCN")


@pytest.mark.parametrize("name, nearest", [("LightGCM", "LightGCN"), ("lightgbm", "LightGBM")])
def test_an_unknown_name_is_one_line_in_recboles_run(name, nearest):
    """RecBole itself reports that LightGBM is missing, whatever the name is."""
    from recbole.quick_start import run_recbole

    with pytest.raises(ConfigError, match=f"^model: there is no '{name}'. Did you mean '{nearest}'"):
        run_recbole(model=name, dataset="no such dataset")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("`model_name` [LightGCM] is not the name of an existing model."),
        AttributeError("module … has no attribute 'LightGCM'", name="LightGCM"),
        ModuleNotFoundError("No module named 'xgboost'", name="xgboost"),
    ],
)
def test_an_unknown_name_is_one_line_whatever_is_installed(error):
    configurator = _configurator_that_raises(error)
    with pytest.raises(ConfigError, match=r"^model: there is no 'LightGCM'\. Did you mean 'LightGCN'"):
        configurator.Config()._get_model_and_dataset("LightGCM", "any")


@pytest.mark.parametrize(
    "error", [ValueError("size"), AttributeError("x", name="x"), ModuleNotFoundError("No module", name="their_module")]
)
def test_an_error_inside_a_models_module_is_kept(error):
    with pytest.raises(type(error)) as caught:
        _configurator_that_raises(error).Config()._get_model_and_dataset("Theirs", "any")
    assert caught.value is error


def _configurator_that_raises(error):
    class Config:
        external_config_dict = {}  # noqa: RUF012

        def _get_model_and_dataset(self, model, dataset):
            raise error

    module = types.SimpleNamespace(Config=Config)
    patch_model_look_up(module)
    return module


def test_trees_find_their_defaults():
    from recbole.config import Config
    from recbole.utils import InputType, ModelType

    tree = type("LightGBM", (), {"type": ModelType.DECISIONTREE, "input_type": InputType.POINTWISE})
    assert Config(model=tree, dataset="ml-100k")["lgb_num_boost_round"] == 300


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
