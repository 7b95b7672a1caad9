"""Retrieve, then rank, against scoring everything: how much is found, and milliseconds per user.

    python benchmarks/serving.py --data_path dataset        Beauty (12,101 items): DIN_IaCN ranks; it and MIND retrieve
    python benchmarks/serving.py --items 368000             planted data: DIN_IaCN retrieves and ranks
    python benchmarks/serving.py --items 2000000 --full 10  of 10 users everything is scored (a minute each)

Planted data: an item lies in one of N / 200 clusters, which is one of its two categories; within a cluster popularity
falls as 1 / (rank + 3). A user likes three clusters and clicks 12 items, one in ten of them anywhere. The models are
trained by the command itself, briefly where the data are planted. Everyone's last click is held out; where the data
are planted its distribution is known, and NDCG@10 is the expected one rather than that of a single draw.

A user at a time, one thread, ``Recommender``s and an index of each kind; seconds of the processor beside those of the
clock, which a busy machine inflates. Prints a table and writes JSON.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
CLICK = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
    "iacn_item_features": ["categories"],
    "iacn_mode": "full",
    "embedding_size": 16,
    "mlp_hidden_size": [80, 40],
    "train_batch_size": 2048,
    "eval_batch_size": 8192,
}
FAMILY = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "protocol": "leave_one_out_sampled",
    "metrics": ["Hit", "NDCG"],
    "topk": [5],
    "valid_metric": "NDCG@5",
    "train_batch_size": 256,
    "eval_batch_size": 1024,
    "weight_decay": 1e-6,
}
BOTH = {"MAX_ITEM_LIST_LENGTH": 20, "show_progress": False, "state": "ERROR", "seed": 2020, "use_gpu": False}
CLUSTER, LIKED, CLICKS, NOISE = 200, 3, 12, 0.1


def write_planted(folder, name, items, users, seed=0):
    """Atomic files of planted data."""
    rng = np.random.default_rng(seed)
    clusters = max(items // CLUSTER, LIKED + 1)
    cluster_of = rng.permutation(np.arange(items) % clusters)
    members = np.argsort(cluster_of, kind="stable")
    starts = np.searchsorted(cluster_of[members], np.arange(clusters))
    sizes = np.bincount(cluster_of, minlength=clusters)
    share = 1 / (np.arange(sizes.max()) + 3.0)
    popularity = np.cumsum(share)
    liked = rng.integers(0, clusters, (users, LIKED))
    drawn = (users, CLICKS + 8)  # some are drawn twice
    cluster = np.take_along_axis(liked, rng.integers(0, LIKED, drawn), axis=1)
    cluster = np.where(rng.random(drawn) < NOISE, rng.integers(0, clusters, drawn), cluster)
    rank = np.searchsorted(popularity, rng.random(drawn) * popularity[sizes[cluster] - 1])
    clicked = members[starts[cluster] + rank]
    target = Path(folder) / name
    target.mkdir(parents=True)
    with open(target / f"{name}.inter", "w") as out:
        out.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, row in enumerate(clicked.tolist()):
            own = list(dict.fromkeys(row))[:CLICKS]
            out.writelines(f"u{user}\ti{item}\t{when}\n" for when, item in enumerate(own))
    with open(target / f"{name}.item", "w") as out:
        out.write("item_id:token\tcategories:token_seq\n")
        out.writelines(f"i{item}\tc{of} g{of % 50}\n" for item, of in enumerate(cluster_of.tolist()))
    rank_of = np.empty(items, np.int64)
    rank_of[members] = np.arange(items) - starts[cluster_of[members]]
    within = share[rank_of] / popularity[sizes[cluster_of] - 1]  # of a cluster's clicks
    np.savez(target / "truth.npz", liked=liked, cluster_of=cluster_of, within=within, clusters=clusters)


def chance(path, dataset, users, items):
    """The planted probability that a user's next click is an item; users (B,) and items (B, k) as tokens."""
    truth = np.load(Path(path) / dataset / "truth.npz")
    liked = truth["liked"][[int(user[1:]) for user in users]]
    number = np.array([[int(item[1:]) for item in row] for row in items])
    cluster = truth["cluster_of"][number]
    inside = (liked[:, None, :] == cluster[:, :, None]).mean(axis=2)
    return ((1 - NOISE) * inside + NOISE / truth["clusters"]) * truth["within"][number]


def trained(model, dataset, folder, path, **settings):
    """A bundle of a trained model."""
    from recbole_iacn.building import build

    given = {**BOTH, **(CLICK if model.endswith("_IaCN") else FAMILY), **settings}
    given |= {"data_path": str(path), "checkpoint_dir": str(folder)}
    training = build(model, dataset, config_dict=given)
    training.fit(verbose=False)
    return training.save(str(Path(folder) / f"{model}.bundle"))


def held_out(path, dataset, users, seed=0):
    """Some users, their histories, and the last click of each."""
    import pandas as pd

    table = pd.read_csv(Path(path) / dataset / f"{dataset}.inter", sep="\t", dtype=str)
    table.columns = [name.partition(":")[0] for name in table]
    table["timestamp"] = table["timestamp"].astype(float)
    table = table.sort_values("timestamp", kind="stable")
    every = table.groupby("user_id")["item_id"].agg(list)
    chosen = np.random.default_rng(seed).choice(len(every), min(users, len(every)), replace=False)
    lists = [every.iloc[place] for place in chosen]
    return list(every.index[chosen]), [items[:-1] for items in lists], [items[-1] for items in lists]


def timed(answer, histories):
    """Median and 99th percentile of milliseconds for a user: of the clock, and of the processor."""
    clock, processor = [], []
    for history in [*histories[:20], *histories]:  # the first twenty warm up
        begin, begin_processor = time.perf_counter(), time.thread_time()
        answer(history)
        clock.append(1e3 * (time.perf_counter() - begin))
        processor.append(1e3 * (time.thread_time() - begin_processor))
    named = (("clock", clock[20:]), ("processor", processor[20:]))
    return {
        f"{name}_{mark}_ms": round(float(np.quantile(values, share)), 2)
        for name, values in named
        for mark, share in (("p50", 0.5), ("p99", 0.99))
    }


class Test:
    """Quality of lists of ten items: by the held-out click, or by its planted distribution."""

    def __init__(self, ranker, path, dataset, users, last):
        self.ranker, self.place, self.users = ranker, (path, dataset), users
        self.clicked = ranker.ids_of(last)
        self.planted = dataset.startswith("planted")

    def of(self, ids):
        """NDCG@10 and hits of the first users' lists, (B, 10)."""
        if self.planted:
            gain = chance(*self.place, self.users[: len(ids)], self.ranker.items[ids - 1])
        else:
            gain = (ids == self.clicked[: len(ids), None]).astype(float)
        ndcg = (gain / np.log2(np.arange(10) + 2)).sum(axis=1).mean()
        return {"ndcg@10": round(float(ndcg), 5), "hit@10": round(float(gain.sum(axis=1).mean()), 5)}


def measure(pipeline, histories, test, full, candidates):
    """A row of the table: quality on those users for whom everything was scored, and durations."""
    rows = pipeline.rows(histories[: len(full)])
    ids = pipeline.best(*rows, k=10, candidates=candidates)[0].numpy()
    found = pipeline.candidates(*rows, candidates)
    same = [len(np.intersect1d(ours, exact)) / 10 for ours, exact in zip(ids, full)]
    recall = [np.isin(exact, ours).mean() for ours, exact in zip(found, full)]
    return {
        **test.of(ids),
        "of_full_top10": round(statistics.mean(same), 3),
        "of_full_top10_among_candidates": round(float(np.mean(recall)), 3),
        **timed(lambda history: pipeline.recommend([history], candidates=candidates), histories),
    }


def stages(pipeline, histories, candidates):
    """Mean milliseconds of the processor in each step of an answer."""
    from recbole_iacn.serving.answer_table import answer_table

    spent = {"rows": [], "interests": [], "search": [], "candidates": [], "scores": [], "table": []}
    for history in histories:
        marks = [time.thread_time()]
        one, other = pipeline.rows([history])
        marks.append(time.thread_time())
        vectors, active = pipeline.retriever.vectors(one)
        marks.append(time.thread_time())
        pipeline.index.search(vectors[active].numpy(), candidates + len(history))
        marks.append(time.thread_time())
        pipeline.candidates(one, other, candidates)
        marks.append(time.thread_time())
        ids, scores = pipeline.best(one, other, 10, candidates=candidates)
        marks.append(time.thread_time())
        answer_table(pipeline.ranker.catalogue, other, ids, scores)
        marks.append(time.thread_time())
        for name, begin, end in zip(spent, marks, marks[1:]):
            spent[name].append(1e3 * (end - begin))
    mean = {name: statistics.mean(values) for name, values in spent.items()}
    mean["scores"] -= mean["candidates"]  # best begins with the candidates, and these with interests and search
    mean["candidates"] -= mean["interests"] + mean["search"]
    return {name: round(value, 2) for name, value in mean.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="dataset", help="of Beauty")
    parser.add_argument("--items", type=int, default=0, help="plant data with so many items instead")
    parser.add_argument("--train_users", type=int, default=40_000, help="users of the planted data")
    parser.add_argument("--epochs", type=int, default=0, help="default: 30 with early stopping, 2 for planted data")
    parser.add_argument("--users", type=int, default=1000, help="whose answers are timed")
    parser.add_argument("--full", type=int, default=200, help="users for whom everything is scored")
    parser.add_argument("--candidates", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--kinds", nargs="+", default=["exact", "ivf", "hnsw"])
    parser.add_argument("--keep", help="folder for data and bundles, which a second run reuses")
    parser.add_argument("--out", help="where the figures go (default: serving_<items>.json beside this file)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.keep or temporary)
        result = run(given, folder)
    out = Path(given.out or HERE / f"serving_{result['items']}.json")
    out.write_text(json.dumps(result, indent=1) + "\n")


def bundles(given, folder):
    """Data path, dataset, and the bundles of the ranker and of the retrievers."""
    dataset, path, names = "Beauty", given.data_path, ("DIN_IaCN", "MIND")
    settings = {"epochs": given.epochs or 30, "stopping_step": 2}
    if given.items:
        dataset, path, names = f"planted{given.items}", folder, ("DIN_IaCN",)
        settings = {"epochs": given.epochs or 2}
        if not (folder / dataset).exists():
            write_planted(folder, dataset, given.items, given.train_users)
    kept = {name: folder / f"{name}.bundle" for name in names}
    for name, bundle in kept.items():
        more = {} if name.endswith("_IaCN") else {"epochs": given.epochs or 60, "stopping_step": 5}
        if not bundle.exists():
            trained(name, dataset, folder, path, **{**settings, **more})
    return path, dataset, kept


def run(given, folder):
    """Train where needed, then measure."""
    import recbole_iacn
    from recbole_iacn.serving.pipeline import Pipeline

    path, dataset, kept = bundles(given, folder)
    models = {name: recbole_iacn.load(bundle) for name, bundle in kept.items()}
    ranker = models["DIN_IaCN"]
    users, histories, last = held_out(path, dataset, given.users)
    test = Test(ranker, path, dataset, users, last)
    begin, begin_processor = time.perf_counter(), time.thread_time()
    full = [ranker.best(ranker.rows([history]), 10)[0][0].numpy() for history in histories[: given.full]]
    each = {
        "clock_ms": round(1e3 * (time.perf_counter() - begin) / given.full, 1),
        "processor_ms": round(1e3 * (time.thread_time() - begin_processor) / given.full, 1),
    }
    full = np.array(full)
    everything = {**test.of(full), **each}
    print(f"{len(ranker.items):,} items, everything scored: {everything}", flush=True)
    result = {"dataset": dataset, "items": len(ranker.items), "everything": everything, "pipelines": []}
    for name, retriever in models.items():
        for kind in given.kinds:
            begin = time.thread_time()
            pipeline = Pipeline(retriever, ranker, kind)
            built = round(time.thread_time() - begin, 1)
            for count in given.candidates:
                row = {"retriever": name, "index": kind, "build_s": built, "candidates": count}
                row |= measure(pipeline, histories, test, full, count)
                row["of_full_ndcg"] = round(row["ndcg@10"] / max(everything["ndcg@10"], 1e-9), 3)
                row["stages_ms"] = stages(pipeline, histories[:200], count)
                result["pipelines"].append(row)
                print(row, flush=True)
    return result


if __name__ == "__main__":
    main()
