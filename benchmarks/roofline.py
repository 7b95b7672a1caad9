"""Where the time of a training step goes: its products and its memory traffic at the machine's rates, and what is left.

    python benchmarks/roofline.py --data_path dataset

The two rates are measured between the steps: a large matrix product, and a copy that no cache holds. Every operation of
PyTorch within forward pass, backward pass and optimizer is counted: its floating-point operations if it is a product
(by ``torch.utils.flop_counter``, and those in place, which that leaves out), the bytes that it reads and writes, and
the thread's CPU time. A gather reads the rows that it takes and not the table; views and empty tensors are free. Steps
with and without counting take turns, and a step's time is the median of those without. What its operations do not
explain is Python's, autograd's and the dispatcher's.

A group's remainder is its time less its bound: for products the time at the machine's rate, for all others that of
their traffic. Below zero the operands were in a cache. Prints a row per step and the five groups with the largest
remainders, and writes roofline.json after each.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import flop_registry

HERE = Path(__file__).parent
aten = torch.ops.aten
IN_PLACE = {aten.addmm_: aten.addmm, aten.baddbmm_: aten.baddbmm}
FREE = {
    *("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "resize", "_unsafe_view"),
    *("_local_scalar_dense", "promote_types", "_record_function_enter_new", "_record_function_exit"),
}
TAKING = {"index_select", "index", "gather", "embedding", "masked_select", "take"}
ADDING = {"index_add", "index_put", "_index_put_impl", "index_copy", "scatter", "scatter_add", "masked_scatter"}
BAGS = {"_embedding_bag", "_embedding_bag_forward_only", "embedding_bag"}
KINDS = {
    "gathers and scatters": TAKING | ADDING | BAGS | {"embedding_dense_backward", "index_fill"},
    "sorting and search": {"sort", "topk", "_unique2", "unique_consecutive", "searchsorted", "nonzero", "bincount"},
    "random numbers": {"native_dropout", "bernoulli", "uniform", "normal", "random", "randint", "rand", "randperm"},
    "copies and fills": {
        *("copy", "clone", "_to_copy", "cat", "stack", "zero", "fill", "zeros", "zeros_like", "new_zeros", "ones"),
        *("full", "full_like", "new_full", "new_ones", "ones_like", "arange", "repeat_interleave", "repeat"),
        *("constant_pad_nd", "slice_backward", "roll", "flip", "eye", "scalar_tensor"),
    },
    "reductions": {
        *("sum", "mean", "amax", "amin", "max", "min", "argmax", "argmin", "any", "all", "norm", "var", "var_mean"),
        *("logsumexp", "cumsum", "equal", "linalg_vector_norm", "_softmax", "_softmax_backward_data", "_log_softmax"),
        *("_log_softmax_backward_data", "native_layer_norm", "native_layer_norm_backward", "native_batch_norm"),
        *("_native_batch_norm_legit", "native_batch_norm_backward"),
    },
}
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names}
CLICK = {"DIN_IaCN": ("off", "width", "full"), "DIEN_IaCN": ("off", "width", "full"), "WideDeep_IaCN": ("full",)}
RANKING = {"loss": "sampled_softmax", "train_negatives": 256, "train_batch_size": 256}
FAMILY = {
    "MIND": RANKING,
    "ComiRec": RANKING,
    "SASRec": {**RANKING, "rows": "histories", "train_batch_size": 128},
}


def moved(tensor):
    """Bytes of a tensor's numbers; of an expanded one those that exist."""
    count = tensor.element_size()
    for size, stride in zip(tensor.shape, tensor.stride()):
        count *= size if stride or not size else 1
    return count


def tensors_of(tree):
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, torch.Tensor) and not leaf.is_sparse]


def traffic(func, name, args, kwargs, out):
    """Bytes that an operation reads and writes."""
    written = [argument.alias_info is not None and argument.alias_info.is_write for argument in func._schema.arguments]
    places = [*args, *(kwargs.get(argument.name) for argument in func._schema.arguments[len(args) :])]
    results = sum(map(moved, tensors_of(out)))
    read = sum(sum(map(moved, tensors_of(place))) for place in places)
    if name in TAKING:  # the index, each row, and where it goes
        return sum(map(moved, tensors_of(places[1:]))) * (name != "masked_select") + 2 * results
    if name in BAGS:
        table, ids = places[:2]
        return moved(ids) + ids.numel() * table.shape[1] * table.element_size() + results
    if name in ADDING:  # the index, what is added, and the rows before and after; a result of its own is a copy
        given = [moved(one) for one in tensors_of(places[1:])]
        return sum(given) + 2 * max(given, default=0) + (0 if any(written) else 2 * results)
    if func._schema.name.endswith(("zero_", "fill_", "copy_", "uniform_", "normal_", "bernoulli_", "random_")):
        return read if name == "copy" else results  # their own numbers are not read
    of_outputs = sum(
        sum(map(moved, tensors_of(kwargs.get(argument.name))))
        for argument in func._schema.arguments
        if argument.kwarg_only and argument.alias_info is not None  # out=
    )
    in_place = sum(sum(map(moved, tensors_of(place))) for place, mark in zip(places, written) if mark) - of_outputs
    return read - of_outputs + (in_place or results)


class Work(TorchDispatchMode):
    """While active, counts the operations of a run's steps.

    Attributes:
        of (dict): (part of the step, kind, name) -> [calls, seconds, floating-point operations of products, bytes].
    """

    def __init__(self, run, clock_s):
        super().__init__()
        self.run, self.clock_s = run, clock_s
        self.of = defaultdict(lambda: [0, 0.0, 0, 0])

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        begin = time.thread_time_ns()
        out = func(*args, **kwargs)
        taken = time.thread_time_ns() - begin
        name = func._schema.name.split("::")[1].removesuffix("_")
        if not func.is_view and name not in FREE and self.run.part != "data":
            self._count(name, func, args, kwargs, out, taken / 1e9 - self.clock_s)
        return out

    def _count(self, name, func, args, kwargs, out, seconds):
        count_flop = flop_registry.get(IN_PLACE.get(func.overloadpacket, func.overloadpacket))
        kind = "products" if count_flop else KIND_OF.get(name, "elementwise")
        kind = "optimizer" if self.run.part == "optimizer" else kind
        row = self.of[self.run.part, kind, name]
        row[0] += 1
        row[1] += max(seconds, 0.0)
        row[2] += count_flop(*args, **kwargs, out_val=out) if count_flop else 0
        row[3] += traffic(func, name, args, kwargs, out)


def clock_seconds(tries=2000):
    """What two readings of the thread's clock show when nothing lies between them."""
    taken = []
    for _ in range(tries):
        begin = time.thread_time_ns()
        taken.append(time.thread_time_ns() - begin)
    return statistics.median(taken) / 1e9


class Machine:
    """The machine's two rates, by the thread's clock: one reading per turn, so that they have the neighbours that the
    steps have."""

    def __init__(self, count=1 << 25, size=1024):
        self.source, self.target = torch.ones(count), torch.empty(count)  # no cache holds them
        self.size, self.taken = size, []

    def turn(self):
        from train import products_a_second

        product = products_a_second(self.size, tries=2, clock=time.thread_time)
        begin = time.thread_time()
        self.target.copy_(self.source)
        copy = 2 * self.source.nbytes / (time.thread_time() - begin) / 1e9  # read and written
        self.taken.append((product, copy))

    def rates(self):
        """10^9 operations of a large product, and 10^9 bytes of a copy, per second: medians."""
        products, copies = zip(*self.taken)
        return {"gflop_a_second": statistics.median(products), "gb_a_second": statistics.median(copies)}


def measure(run, steps):
    """A run's step, taken apart."""
    clock_s, machine, counts, seconds = clock_seconds(), Machine(), [], []
    for count in range(steps + 2):
        run.step()
        plain = {part: taken[-1] for part, taken in run.seconds.items()}
        with Work(run, clock_s) as work:
            run.step()
        if count > 1:  # the first two warm up
            seconds.append(plain)
            counts.append(work.of)
            machine.turn()
    rates = machine.rates()
    step = 1e3 * statistics.median(sum(one.values()) for one in seconds)
    loading = 1e3 * statistics.median(one["data"] for one in seconds)
    operations = {}
    for key in {key for of in counts for key in of}:
        calls, taken, flop, size = (
            statistics.median(of[key][i] if key in of else 0 for of in counts) for i in range(4)
        )
        bound = flop / rates["gflop_a_second"] / 1e6 if flop else size / rates["gb_a_second"] / 1e6
        operations[key] = {"calls": calls, "ms": 1e3 * taken, "bound": bound, "gflop": flop / 1e9, "mb": size / 1e6}
    return {**{name: round(rate, 2) for name, rate in rates.items()}, **apart(step, loading, operations)}


def apart(step, loading, operations):
    """The result: operations by kind, with what they do not explain as a kind of its own."""
    groups = defaultdict(lambda: dict.fromkeys(("calls", "ms", "bound", "gflop", "mb"), 0.0))
    for (_, kind, _), row in operations.items():
        for key, value in row.items():
            groups[kind][key] += value
    groups["loading"] |= {"ms": loading}
    groups["Python and dispatch"] |= {"ms": step - sum(group["ms"] for group in groups.values())}
    products = groups["products"]["bound"]
    bytes_ms = sum(group["bound"] for kind, group in groups.items() if kind != "products")
    largest = sorted(operations.items(), key=lambda pair: pair[1]["bound"] - pair[1]["ms"])[:12]
    rounded = {kind: {key: round(value, 3) for key, value in group.items()} for kind, group in groups.items()}
    return {
        "step_ms": round(step, 2),
        "products_ms": round(products, 2),
        "traffic_ms": round(bytes_ms, 2),
        "remainder_ms": round(step - products - bytes_ms, 2),
        "groups": dict(sorted(rounded.items(), key=lambda pair: pair[1]["bound"] - pair[1]["ms"])),
        "operations": {" ".join(key): {k: round(v, 3) for k, v in row.items()} for key, row in largest},
    }


def report(title, result):
    head = f"{title:40} step {result['step_ms']:7.1f} ms = products {result['products_ms']:6.1f}"
    rates = f"at {result['gflop_a_second']:.0f} GFLOP/s, {result['gb_a_second']:.1f} GB/s"
    print(f"{head} + traffic {result['traffic_ms']:6.1f} + remainder {result['remainder_ms']:6.1f}  {rates}")
    for kind, group in list(result["groups"].items())[:5]:
        left = group["ms"] - group["bound"]
        print(f"    {kind:24}{left:7.1f} = {group['ms']:7.1f} - {group['bound']:6.1f}   {group['calls']:6.0f} calls")
    sys.stdout.flush()


def runs_of(dataset, length, options):
    """(title, what builds it) of every step over one dataset."""
    from real_data import settings_of
    from train import Run

    settings = settings_of(dataset, options.data_path, length)
    for model, modes in CLICK.items():
        for mode in modes:
            title = f"{model} {mode}, {dataset}, L = {length}"
            yield title, lambda: Run(mode, model.removesuffix("_IaCN"), settings)  # noqa: B023 -- called at once
    ranking = {**settings, "protocol": "leave_one_out_full", "load_col": {"inter": settings["load_col"]["inter"]}}
    ranking = {key: value for key, value in ranking.items() if key not in ("embedding_size", "mlp_hidden_size")}
    for model, own in FAMILY.items():
        title = f"{model}, {dataset}, L = {length}"
        yield title, lambda: Run("stock", model, {**ranking, **own})  # noqa: B023 -- called at once


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="dataset", help="folder with the datasets (default: %(default)s)")
    parser.add_argument("--datasets", nargs="+", default=["Beauty", "ml-1m"])
    parser.add_argument("--lengths", type=int, nargs="+", default=[20, 50], help="history lengths L (default: 20 50)")
    parser.add_argument("--only", default="", help="only steps whose title contains this")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--out", default=HERE / "roofline.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    from train import Run

    from recbole_iacn.system.kept_memory import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()  # as in a training of this package
    Run.clock = staticmethod(time.thread_time)
    results = json.loads(Path(given.out).read_text()) if Path(given.out).exists() else {}
    for dataset in given.datasets:
        for length in given.lengths:
            for title, make in runs_of(dataset, length, given):
                if given.only in title:
                    results[title] = {
                        "load": round(os.getloadavg()[0], 1),
                        "steps": given.steps,
                        **measure(make(), given.steps),
                    }
                    report(title, results[title])
                    Path(given.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
