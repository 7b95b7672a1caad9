"""Memory and time of ranking all of a million items: a fresh process per model, its peak by VmHWM of /proc/self/status.

    python benchmarks/many_items.py                               # every case
    python benchmarks/many_items.py --cases full --models MIND SASRec --users 64
    python benchmarks/many_items.py --other ../former --repeat 3  # another checkout of this package, in turn

The data are generated: a catalogue of a million items, 5,000 users with 10 clicks each. Weights are those of the start.
Models that score pairs of a user and an item (click models) take a few users; the others take 256.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZE = 16  # of embeddings
SETTINGS = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id"]},
    "MAX_ITEM_LIST_LENGTH": 20,
    "metrics": ["Hit", "NDCG", "MRR", "GAUC"],
    "valid_metric": "NDCG@10",
    "topk": [10],
    "use_gpu": False,
    "show_progress": False,
    "state": "ERROR",
    "seed": 1,
}
BACKBONE = {"mlp_hidden_size": [80, 40]}
STOCK = {
    "SASRec": {"loss_type": "BPR", "hidden_size": SIZE, "inner_size": SIZE, "n_layers": 1, "n_heads": 1},
    "GRU4Rec": {"loss_type": "BPR", "hidden_size": SIZE},
    "DIN": BACKBONE,
}
OWN_SORT = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
FAMILY = ("YouTubeDNN", "MIND", "ComiRec", "ComiRecPlus", "TiMiRec", "TiMiRecPlus", "TiSASRec")
CLICK = ("DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "DIN")  # the last is RecBole's, which scores pairs
CASES = {  # settings, and which models
    "full": (
        {"protocol": "leave_one_out_full"},
        (*FAMILY, "Popularity", "ItemNeighbours", "SASRec", "GRU4Rec", *CLICK),
    ),
    "sampled": ({"protocol": "leave_one_out_sampled"}, ("ComiRec", "Popularity", "SASRec", "DIN_IaCN", "DIN")),
    "own": ({"protocol": None, "eval_args": OWN_SORT}, ("SASRec", "GRU4Rec", "BPR", "DIN")),
    "uni": (
        {"protocol": None, "eval_args": {**OWN_SORT, "mode": "uni100"}, "metrics": ["Hit", "NDCG", "MRR"]},
        ("SASRec", "BPR"),
    ),
    "topk": ({"protocol": "leave_one_out_full"}, ("ComiRec", "SASRec", "DIN_IaCN")),
    "recommend": ({"protocol": "leave_one_out_full"}, ("ComiRec", "SASRec", "DIN_IaCN")),
    "score": ({"protocol": "leave_one_out_full"}, ("ComiRec", "SASRec")),  # all items, given by their tokens
}
FEW = 2  # users of a model that scores pairs


def memory():
    """(now, peak) of this process, in GB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(lines[name].split()[0]) / 1e6 for name in ("VmRSS", "VmHWM"))


def settings_of(case, model, folder):
    settings = {**SETTINGS, "embedding_size": SIZE, "data_path": folder, **STOCK.get(model, {}), **CASES[case][0]}
    if model in CLICK:
        settings |= BACKBONE
    return settings


def work_of(case, model, training, users, folder):
    """What is measured, a function without arguments; what it returns is compared between checkouts."""
    if case == "topk":
        from recbole.utils.case_study import full_sort_topk

        test = training.test_data
        asked = test._dataset.inter_feat["user_id"][:users].numpy()
        return lambda: full_sort_topk(asked, training.model, test, 10)[1].sum().item()
    loader = training.test_data
    loader.batch_sampler.sampler = range(users)
    return lambda: {name: float(f"{value:.4f}") for name, value in training.trainer.evaluate(loader, False).items()}


def saved(case, model, folder):
    import recbole_iacn

    target = Path(folder) / f"bundle-{model}-{os.getpid()}"
    training = recbole_iacn.build(model, "many", config_dict=settings_of(case, model, folder))
    training.save(str(target))
    print(target)


def measure(case, model, users, folder, bundle):
    """Print figures of one model, measured in this process."""
    import recbole_iacn

    if bundle != "-":
        model_of = recbole_iacn.load(bundle)
        tokens = model_of.items[:: len(model_of.items) // users][:users]
        histories = [[token] for token in tokens]
        if case == "recommend":
            work = lambda: model_of.recommend(histories, k=10)["item_id"].nunique()  # noqa: E731
        else:
            work = lambda: round(float(model_of.score(histories, model_of.items).mean()), 6)  # noqa: E731
    else:
        training = recbole_iacn.build(model, "many", config_dict=settings_of(case, model, folder))
        work = work_of(case, model, training, users, folder)
    _, peak_of_building = memory()
    Path("/proc/self/clear_refs").write_text("5")  # from here on VmHWM is the peak of what follows
    before, _ = memory()
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    _, peak = memory()
    figures = {"before_gb": before, "peak_gb": peak, "peak_of_building_gb": peak_of_building, "seconds": seconds}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()} | {"result": result}))


def in_fresh_process(checkout, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tempfile.gettempdir())
    lines = done.stdout.splitlines()
    return lines[-1] if done.returncode == 0 and lines else None if done.returncode < 0 else sys.exit(done.stderr)


def figures_of(case, model, options, folder, checkouts):
    """Medians per checkout, in turn; a process that the system ended for want of memory has none."""
    users = FEW if model in CLICK else options.users
    bundle = in_fresh_process(HERE.parent, "--save", case, model, folder) if case in ("recommend", "score") else "-"
    runs = {name: [] for name in checkouts}
    for _ in range(options.repeat):
        for name, checkout in checkouts.items():
            line = in_fresh_process(checkout, "--one", case, model, users, folder, bundle)
            runs[name].append(json.loads(line) if line else None)
    row = {"case": case, "model": model, "users": users}
    for name, measured in runs.items():
        if None in measured:
            row[name] = "ended for want of memory"
            continue
        numbers = {key for key in measured[0] if key != "result"}
        medians = {key: statistics.median(one[key] for one in measured) for key in sorted(numbers)}
        row[name] = {**medians, "result": measured[0]["result"]}
    return row


def main():
    if "--one" in sys.argv or "--save" in sys.argv:
        what, *given = sys.argv[1:]
        sys.argv = sys.argv[:1]
        if what == "--save":
            return saved(*given)
        case, model, users, folder, bundle = given
        return measure(case, model, int(users), folder, bundle)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=256)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--models", nargs="+", help="by default those of the case")
    parser.add_argument("--other", help="the root of another checkout, to be measured in turn")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--out", default=HERE / "many_items.json", help="where the figures go (default: %(default)s)")
    options = parser.parse_args()
    sys.path.insert(0, str(HERE))
    from amazon_like import write_atomic

    checkouts = {"here": HERE.parent} | ({"other": Path(options.other).resolve()} if options.other else {})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_atomic(folder, "many", (5_000, 20_000, 800, 50_000), catalogue=options.items)
        for case in options.cases:
            for model in options.models or CASES[case][1]:
                rows.append(figures_of(case, model, options, folder, checkouts))
                print(json.dumps(rows[-1]), flush=True)
    result = {"items": options.items, "embedding_size": SIZE, "repeat": options.repeat, "rows": rows}
    Path(options.out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
