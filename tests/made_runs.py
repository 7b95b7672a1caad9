"""Made-up results of runs in the format of `recbole-iacn experiment`, for the tests of reports."""

import json

from recbole_iacn.experiments.results import run_of
from recbole_iacn.report import tables


def result(model="DIN", mode="full", seed=1, auc=0.8, sweep=None, dataset="Beauty", column=None, settings=None):
    epochs = [
        {
            "losses": {"main": 0.7 - 0.1 * step, **({"iacn": 6.0 - step} if mode == "full" else {})},
            "valid": auc,
            "seconds": s,
        }
        for step, s in enumerate((5.0, 7.0, 9.0))
    ]
    fields = {"dataset": dataset, "model": model, "mode": mode, "sweep": sweep or {}, "seed": seed}
    return {
        **fields,
        "settings": settings or {},
        **({"column": column} if column else {}),
        "valid": {"auc": auc},
        "test": {"auc": auc},
        "epochs": epochs,
        "seconds": 10.0,
        "peak_mb": 600.0,
        "version": "1",
    }


def result_of(run, **changes):
    """A whole result of a run of a plan, with made-up figures."""
    fields = ("dataset", "model", "mode", "sweep", "seed", "settings")
    return {**result(), "best": 0.8, "divergence": None, **{key: getattr(run, key) for key in fields}, **changes}


def store(folder, result):
    """Write a result as the file of its run, and return the path."""
    path = folder / "runs" / f"{run_of(result).id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result))
    return path


def swept(changes, key="iacn_delta", base=0.3):
    """Rows with an AUC of .8 for the default, with seeds 1 to 3, and the given differences for every other value."""
    results = [result(sweep={key: base}, seed=seed) for seed in (1, 2, 3)]
    for value, of_seeds in changes.items():
        results += [result(sweep={key: value}, seed=seed, auc=0.8 + x) for seed, x in enumerate(of_seeds, 1)]
    return tables.rows_of(results)


def ranked(model, seed, ndcg, dataset="Beauty", sweep=None):
    one = result(model, "", seed, dataset=dataset, sweep=sweep)
    chosen = {"best": ndcg / 2, "settings": {"valid_metric": "NDCG@5"}}
    return {**one, **chosen, "test": {"hit@10": 2 * ndcg, "ndcg@10": ndcg}}
