"""Training in several processes, each with its share of every batch: what they exchange.

The rule: each process returns a loss such that the *mean over the processes* is the loss of the whole batch, and
gradients are averaged. What needs the whole batch, the statistics of a batch normalisation and the candidates of a
sampled softmax, is exchanged. With one process every function here returns its argument unchanged.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from recbole_iacn.errors import ConfigError
from recbole_iacn.nn.adoption import adopt

_T = TypeVar("_T")


def active() -> bool:
    """True where there is more than one process."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank() -> int:
    """The number of this process among all, from 0."""
    return dist.get_rank() if active() else 0


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if active() else 1


def start(settings: dict[str, Any]) -> None:
    """Join the other processes: gloo on a CPU, nccl on GPUs, one each.

    Args:
        settings (dict): RecBole's final settings, with ``local_rank``, ``offset``, ``world_size``, ``nproc``, ``ip``
            and ``port``; receives ``device``, ``single_spec`` and, except in the first process, a quiet log.

    Raises:
        ConfigError: fewer GPUs than processes.
    """
    local, gpus = settings["local_rank"], [number for number in str(settings["gpu_id"]).split(",") if number]
    on_gpu = bool(gpus) and torch.cuda.is_available()
    if on_gpu and len(gpus) < settings["nproc"]:
        raise ConfigError(
            f"gpu_id: names {len(gpus)} GPUs for nproc = {settings['nproc']} processes; name one per process"
        )
    if on_gpu:
        torch.cuda.set_device(local)
    dist.init_process_group(
        backend="nccl" if on_gpu else "gloo",
        rank=local + settings["offset"],
        world_size=settings["world_size"],
        init_method=f"tcp://{settings['ip']}:{settings['port']}",
    )
    settings["device"] = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    settings["single_spec"] = False
    if rank() != 0:
        settings.update(state="error", show_progress=False, log_tensorboard=False, log_wandb=False)


@contextlib.contextmanager
def as_one_process(config: Any) -> Iterator[None]:
    """While active, RecBole builds its objects as for one process, without its own samplers and gradient hooks, which
    pad the data, require a GPU and touch every row of every table."""
    before = config["single_spec"]
    config["single_spec"] = True
    try:
        yield
    finally:
        config["single_spec"] = before


def share(count: int, total: int) -> float:
    """The factor from a mean over ``count`` terms here to this process's part of the mean over all ``total`` terms."""
    return count * size() / max(total, 1) if active() else 1.0


def total(count: int, device: torch.device | None = None) -> int:
    """The sum of an integer over all processes."""
    if not active():
        return count
    counts = torch.tensor([count], device=device)
    dist.all_reduce(counts)
    return int(counts)


def mean(values: Tensor) -> Tensor:
    """The mean of a tensor over all processes."""
    if active():
        values = values.clone()
        dist.all_reduce(values)
        values /= size()
    return values


def gather(values: Tensor) -> list[Tensor]:
    """The rows of all processes.

    Args:
        values (torch.Tensor): shape (n, …); n may differ between processes.

    Returns:
        list of torch.Tensor: one per process.
    """
    if not active():
        return [values]
    counts = [torch.zeros(1, dtype=torch.long, device=values.device) for _ in range(size())]
    dist.all_gather(counts, torch.tensor([len(values)], device=values.device))
    lengths = [int(count) for count in counts]
    padded = values.new_zeros(max(lengths), *values.shape[1:])
    padded[: len(values)] = values
    parts = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(parts, padded)
    return [part[:length] for part, length in zip(parts, lengths)]


def own_first(values: Tensor) -> Tensor:
    """The rows of all processes, this one's first."""
    if not active():
        return values
    parts = gather(values)
    return torch.cat([values, *parts[: rank()], *parts[rank() + 1 :]])


def of_first(values: Tensor) -> Tensor:
    """The first process's values."""
    if active():
        dist.broadcast(values, 0)
    return values


def object_of_first(value: _T) -> _T:
    """The first process's value of any type."""
    if not active():
        return value
    box = [value]
    dist.broadcast_object_list(box, 0)
    return box[0]


def same_state(model: nn.Module) -> None:
    """Give every process the first one's parameters and buffers."""
    if active():
        for tensor in [*model.parameters(), *model.buffers()]:
            dist.broadcast(tensor.data, 0)


def average_gradients(dense: Sequence[nn.Parameter], sparse: Sequence[nn.Parameter] = ()) -> None:
    """Replace the gradients by their mean over all processes; a gradient that no process has stays None.

    Args:
        dense (list of torch.nn.Parameter): reduced in one call.
        sparse (list of torch.nn.Parameter): embedding tables with sparse gradients; only touched rows are exchanged.
    """
    if not active():
        return
    holders = torch.tensor([p.grad is not None for p in (*dense, *sparse)], dtype=torch.int, device=dense[0].device)
    dist.all_reduce(holders)
    there = (holders > 0).tolist()
    dense = [parameter for parameter, held in zip(dense, there) if held]
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in dense]
    flat = mean(torch.cat([gradient.flatten() for gradient in gradients]))
    for parameter, gradient, part in zip(dense, gradients, flat.split([one.numel() for one in dense])):
        parameter.grad = gradient.copy_(part.view_as(parameter))
    for parameter, held in zip(sparse, there[len(there) - len(sparse) :]):
        if held:
            parameter.grad = _mean_of_sparse(parameter)


def _mean_of_sparse(parameter: nn.Parameter) -> Tensor:
    rows = torch.zeros(0, dtype=torch.long, device=parameter.device)
    values = parameter.new_zeros(0, *parameter.shape[1:])
    if parameter.grad is not None:
        own = (parameter.grad if parameter.grad.is_sparse else parameter.grad.to_sparse(1)).coalesce()
        rows, values = own.indices()[0], own.values()
    rows, values = torch.cat(gather(rows)), torch.cat(gather(values)) / size()
    return torch.sparse_coo_tensor(rows.unsqueeze(0), values, parameter.shape, check_invariants=False).coalesce()


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes. The gradient is summed, too: all losses depend on it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        values = values.clone()
        dist.all_reduce(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Sum.forward(ctx, gradient)


class SharedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the rows of all processes; PyTorch's SyncBatchNorm has no CPU kernel."""

    # None in PyTorch, if nothing is tracked; here they are read only with track_running_stats.
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    @classmethod
    def adopt(cls, model: nn.Module) -> None:
        """Turn every batch normalisation of a model into this one, in place."""
        for module in model.modules():
            if type(module) is nn.BatchNorm1d:
                adopt(module, cls)

    def forward(self, values: Tensor) -> Tensor:
        """As in PyTorch: (B, C) or (B, C, L)."""
        if not (self.training and active()):
            return super().forward(values)
        others = [dim for dim in range(values.dim()) if dim != 1]
        shape = [1, -1] + [1] * (values.dim() - 2)
        count = total(values.numel() // values.shape[1], values.device)
        average = _Sum.apply(values.sum(others)) / count
        centred = values - average.view(shape)
        variance = _Sum.apply(centred.square().sum(others)) / count
        if self.track_running_stats:
            self.num_batches_tracked += 1
            momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            with torch.no_grad():
                self.running_mean.lerp_(average, momentum)
                self.running_var.lerp_(variance * count / max(count - 1, 1), momentum)
        scaled = centred * (variance + self.eps).rsqrt().view(shape)
        return scaled * self.weight.view(shape) + self.bias.view(shape) if self.affine else scaled
