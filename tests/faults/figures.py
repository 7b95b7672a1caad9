"""The same figures and bounded memory, whatever the batches, blocks, threads and workers."""

import random
from pathlib import Path

from faults.cases import case

CLICKS = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "topk": [3, 5]}
RANKED = {**CLICKS, "metrics": ["Hit", "NDCG", "MRR", "GAUC"], "valid_metric": "NDCG@3"}
SASREC = {"loss_type": "BPR", "hidden_size": 8, "inner_size": 8, "n_heads": 1}
OWN_SORT = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
MODELS = {
    "ComiRec": {**RANKED, "protocol": "leave_one_out_full", "mask_history": True},
    "MIND": {**RANKED, "protocol": "leave_one_out_sampled", "eval_negatives": 12},
    "Popularity": {**RANKED, "protocol": "leave_one_out_full"},
    "SASRec": {**RANKED, **SASREC, "protocol": "leave_one_out_full"},
    "BPR": {**RANKED, "eval_args": OWN_SORT},
    "DIN_IaCN": {"load_col": CLICKS["load_col"], "mlp_hidden_size": [8], "metrics": ["AUC", "GAUC", "LogLoss"]},
}


def figures(folder, model, **changes):
    """Validation's and test's, of weights that tell items apart."""
    from helpers import give_other_weights

    import recbole_iacn

    base = {"data_path": str(folder), "embedding_size": 8, "MAX_ITEM_LIST_LENGTH": 6, "eval_batch_size": 64}
    base |= {"show_progress": False, "state": "ERROR", "seed": 7, "use_gpu": False}
    training = recbole_iacn.build(model, "tiny", config_dict={**base, **MODELS[model], **changes})
    give_other_weights(training.model)
    return [training.trainer.evaluate(data, False) for data in (training.valid_data, training.test_data)]


def compare(folder, seed, vary):
    """The figures of a model before and after ``vary``, which returns changed settings."""
    import torch
    from helpers import write_atomic

    choice, before = random.Random(seed), torch.get_num_threads()
    write_atomic(folder, seed=seed)
    model = choice.choice(sorted(MODELS))
    wanted = figures(folder, model)
    try:
        changes = vary(choice)
        found = figures(folder, model, **changes)
    finally:
        torch.set_num_threads(before)
    assert found == wanted, (model, changes, found, wanted)


@case("figures", "an evaluation with another eval_batch_size", tries=100)
def batches(folder, seed):
    compare(folder, seed, lambda choice: {"eval_batch_size": choice.choice([1, 2, 3, 10, 50, 61, 1000, 10**6])})


@case("figures", "an evaluation in other numbers of threads and workers", tries=40)
def threads_and_workers(folder, seed):
    import torch

    def vary(choice):
        torch.set_num_threads(choice.choice([2, 3, 4]))
        return {"worker": choice.choice([0, 1, 2])}

    compare(folder, seed, vary)


@case("memory", "ranking in blocks of any number of scores", tries=100)
def blocks(folder, seed):
    from recbole_iacn.data import ranking, score_blocks
    from recbole_iacn.training import collected

    kept = score_blocks._SCORES, collected._COMPARED, ranking._TABLES

    def vary(choice):
        score_blocks._SCORES = choice.randrange(1, 4000)
        collected._COMPARED = choice.randrange(1, 4000)
        ranking._TABLES = choice.randrange(1, 9)
        return {}

    try:
        compare(folder, seed, vary)
    finally:
        score_blocks._SCORES, collected._COMPARED, ranking._TABLES = kept


@case(
    "memory", "ranking among 300,000 items takes at most 700 MB more than the model", tries=6, quick=False, seconds=600
)
def many_items(folder, seed):
    """In one table of 4,096 rows the scores alone would take 4.9 GB."""
    import recbole_iacn

    items, users = 300_000, 4_200
    choice = random.Random(seed)
    target = folder / "many"
    target.mkdir()
    clicks = (f"u{user}\ti{choice.randrange(items)}\t{n}\n" for user in range(users) for n in range(4))
    (target / "many.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\n" + "".join(clicks))
    (target / "many.item").write_text("item_id:token\n" + "".join(f"i{item}\n" for item in range(items)))
    model = choice.choice(["ComiRec", "Popularity", "SASRec"])
    given = {**MODELS[model], "load_col": {**CLICKS["load_col"], "item": ["item_id"]}, "eval_batch_size": 4096}
    given |= {"data_path": str(folder), "embedding_size": 8, "state": "ERROR", "show_progress": False, "use_gpu": False}
    training = recbole_iacn.build(model, "many", config_dict=given)
    training.test_data.batch_sampler.sampler = range(choice.randrange(20, 200))
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM is from here on the peak of what follows
    before = kilobytes("VmRSS")
    training.trainer.evaluate(training.test_data, False)
    more = (kilobytes("VmHWM") - before) / 1e3
    assert more < 700, f"{model}: {more:.0f} MB"


def kilobytes(name):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])
