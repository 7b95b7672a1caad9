"""An item table divided among processes by TorchRec, behind ComiRec: are the losses those of one process?

    python benchmarks/sharded.py                                            by rows; two processes, gloo
    python benchmarks/sharded.py --kinds column_wise table_wise --optimizer sgd

Needs TorchRec beside this package, in an environment of its own (see benchmarks/README.md). Each process builds the
whole training of ml-100k, has its share of each batch, and holds a part of the table. Loss and candidates are those of
the package's training in several processes; TorchRec exchanges the table's rows and gradients, and takes its step.
Prints, per way of dividing, the largest difference of a step's loss from that of one process, and writes
``benchmarks/sharded.json``.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torch.distributed as dist
from torch import nn

HERE = Path(__file__).resolve().parent
OPTIMIZERS = {"sgd": (torch.optim.SGD, {"lr": 1.0}), "adagrad": (torch.optim.Adagrad, {"lr": 0.05, "eps": 1e-8})}
SETTINGS = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "protocol": "leave_one_out_full",
    "weight_decay": 0.0,
    "train_negatives": 512,
    "use_gpu": False,
    "show_progress": False,
    "state": "ERROR",
    "seed": 1,
}


class ShardedTable(nn.Module):
    """In the place of an ``nn.Embedding`` that a process has a part of.

    Args:
        table (torch.nn.Embedding): the whole one, with the weights to start from.
        kind (str): how TorchRec divides it.
        optimizer, options: of the table, whose step is part of the backward pass.
    """

    sparse = True  # rows are looked up, never the whole table

    def __init__(self, table, kind, optimizer, options):
        from torchrec import EmbeddingCollection, EmbeddingConfig
        from torchrec.distributed import DistributedModelParallel
        from torchrec.distributed.embedding import EmbeddingCollectionSharder
        from torchrec.distributed.planner import EmbeddingShardingPlanner, Topology
        from torchrec.distributed.planner.types import ParameterConstraints
        from torchrec.distributed.types import ShardingEnv
        from torchrec.optim.apply_optimizer_in_backward import apply_optimizer_in_backward

        super().__init__()
        rows, width = table.weight.shape
        config = EmbeddingConfig(num_embeddings=rows, embedding_dim=width, name="table", feature_names=["ids"])
        whole = nn.Sequential(EmbeddingCollection(tables=[config], device=torch.device("cpu")))
        whole[0].embeddings["table"].weight.data.copy_(table.weight.data)
        apply_optimizer_in_backward(optimizer, whole.parameters(), dict(options))  # it adds to them
        planner = EmbeddingShardingPlanner(
            topology=Topology(world_size=dist.get_world_size(), compute_device="cpu"),
            constraints={"table": ParameterConstraints(sharding_types=[kind])},
        )
        sharders = [EmbeddingCollectionSharder()]
        plan = planner.collective_plan(whole, sharders, dist.group.WORLD)
        place = {"env": ShardingEnv.from_process_group(dist.group.WORLD), "device": torch.device("cpu")}
        self.parts = DistributedModelParallel(whole, plan=plan, sharders=sharders, **place)

    def here(self):
        """Numbers that this process holds."""
        (weight,) = self.parts.state_dict().values()
        return sum(part.tensor.numel() for part in weight.local_shards())

    def forward(self, ids):
        from torchrec import KeyedJaggedTensor

        flat = ids.flatten()
        asked = KeyedJaggedTensor(keys=["ids"], values=flat, lengths=torch.ones(len(flat), dtype=torch.int64))
        return self.parts(asked)["ids"].values().view(*ids.shape, -1)


def losses(kind, optimizer, count):
    """The loss of each step over all rows of the batch, the numbers of the table that are here, and ms per step."""
    import recbole_iacn
    from recbole_iacn import parallel
    from recbole_iacn.model.retrieval import ranking_loss

    training = recbole_iacn.build("ComiRec", "ml-100k", config_dict=SETTINGS)
    model, (make, options) = training.model, OPTIMIZERS[optimizer]
    table = model.item_embedding
    if kind:
        table = model.item_embedding = ShardedTable(model.item_embedding, kind, make, options)
        ranking_loss.look_up = lambda ids, table: table(ids)
    inside = {id(parameter) for parameter in table.parameters()} if kind else set()
    others = [parameter for parameter in model.parameters() if id(parameter) not in inside]
    step = make(others, **options)
    training.train_data.set_epoch(0)
    torch.manual_seed(1)  # of the candidates
    model.train()
    found, spent = [], []
    while len(found) < count:
        for batch in training.train_data:
            begin = time.perf_counter()
            step.zero_grad()
            loss = model.calculate_loss(batch)  # the loaders deal each batch's rows to the processes
            loss.backward()
            parallel.average_gradients(others)
            step.step()
            found.append(float(parallel.mean(loss.detach())))
            spent.append(1e3 * (time.perf_counter() - begin))
            if len(found) == count:
                break
    return found, table.here() if kind else table.weight.numel(), statistics.median(spent)


def process(rank, world, kind, optimizer, count, folder):
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), LOCAL_WORLD_SIZE=str(world))
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    result = losses(kind, optimizer, count)
    Path(folder, f"{rank}.json").write_text(json.dumps(result))
    dist.destroy_process_group()


def in_processes(world, *given):
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(process, (world, *given, folder), nprocs=world)
        return [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(world)]


def main():
    import importlib.metadata

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=["row_wise"], help="TorchRec's names (default: row_wise)")
    parser.add_argument("--optimizer", nargs="+", default=list(OPTIMIZERS), choices=list(OPTIMIZERS))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", default=HERE / "sharded.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    torch.set_num_threads(1)
    versions = {name: importlib.metadata.version(name) for name in ("torch", "torchrec", "fbgemm-gpu-cpu")}
    rows = []
    for optimizer in given.optimizer:
        alone, whole, alone_ms = losses(None, optimizer, given.steps)
        for kind in given.kinds:
            every = in_processes(given.processes, kind, optimizer, given.steps)
            together = every[0][0]
            rows.append(
                {
                    **{"divided": kind, "optimizer": optimizer, "steps": given.steps, "processes": given.processes},
                    "loss": [round(alone[0], 5), round(alone[-1], 5)],
                    "loss_together": [round(together[0], 5), round(together[-1], 5)],
                    "largest_difference": max(abs(one - two) for one, two in zip(alone, together)),
                    "table": whole,
                    "here": [one[1] for one in every],
                    "step_ms": round(alone_ms, 1),
                    "step_ms_together": round(every[0][2], 1),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    Path(given.out).write_text(json.dumps({**versions, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
