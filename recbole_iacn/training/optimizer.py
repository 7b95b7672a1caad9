"""Adam whose cost does not grow with the catalogue: large embedding tables are updated where a batch touched them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class LazyAdam(torch.optim.Optimizer):
    """Two optimizers of PyTorch as one: SparseAdam for embedding tables with sparse gradients, Adam for all else.

    Adam moves every row at every step, by its momentum, also where the gradient is 0: a sweep over the table and its
    two moments. SparseAdam leaves rows, and their moments, alone until they are met again.

    Args:
        dense (list of torch.nn.Parameter): for Adam.
        sparse (list of torch.nn.Parameter): tables, for SparseAdam.
        lr (float): learning rate of both. Defaults to 0.001.
    """

    def __init__(self, dense: list[nn.Parameter], sparse: list[nn.Parameter], lr: float = 1e-3) -> None:
        self.parts = {
            "dense": _fused(torch.optim.Adam, dense, {"lr": lr}),
            "sparse": torch.optim.SparseAdam(sparse, lr),
        }
        super().__init__([*dense, *sparse], {"lr": lr})
        # The parts' own groups, so that a schedule of learning rates reaches them.
        self.param_groups = [group for part in self.parts.values() for group in part.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """As in PyTorch. A table whose gradient is dense after all (a backbone may add a norm of its weights) is
        updated wherever that is not 0."""
        loss = closure() if closure is not None else None
        for group in self.parts["sparse"].param_groups:
            for table in group["params"]:
                if table.grad is not None and not table.grad.is_sparse:
                    table.grad = table.grad.to_sparse(1)
        for part in self.parts.values():
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Those of the parts, by their names."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As saved by :meth:`state_dict`."""
        for name, part in self.parts.items():
            part.load_state_dict(state_dict[name])
        self.param_groups = [group for part in self.parts.values() for group in part.param_groups]


def build(model: nn.Module, stock: torch.optim.Optimizer, sparse_rows: int | None) -> torch.optim.Optimizer:
    """What a trainer is to use for a model.

    Args:
        model (torch.nn.Module): its embedding tables get sparse gradients where that pays.
        stock (torch.optim.Optimizer): RecBole's choice, by ``learner``.
        sparse_rows (int, optional): from how many rows a table is updated lazily; None for never.

    Returns:
        torch.optim.Optimizer: :class:`LazyAdam` where RecBole chose Adam without weight decay and a table is large
        enough; else RecBole's own, updating all parameters in one pass over memory where PyTorch has such a kernel.
    """
    parameters = [parameter for group in stock.param_groups for parameter in group["params"]]
    lazy = type(stock) is torch.optim.SparseAdam
    if lazy:
        sparse_rows = 0
    elif type(stock) is torch.optim.Adam and not stock.defaults["weight_decay"]:
        lazy = sparse_rows is not None
    least = sparse_rows or 0
    tables = [m for m in model.modules() if isinstance(m, nn.Embedding) and lazy and m.num_embeddings >= least]
    if not tables:
        groups = [{key: group[key] for key in ("params", "weight_decay")} for group in stock.param_groups]
        return _fused(type(stock), groups, stock.defaults)
    for table in tables:
        table.sparse = True
    chosen = {id(table.weight) for table in tables}
    return LazyAdam(
        [parameter for parameter in parameters if id(parameter) not in chosen],
        [parameter for parameter in parameters if id(parameter) in chosen],
        stock.defaults["lr"],
    )


def _fused(kind, parameters, settings):
    taken = inspect.signature(kind).parameters  # AdamW's defaults name a setting of Adam's that it has fixed
    settings = {key: value for key, value in settings.items() if key in taken}
    try:
        return kind(parameters, **{**settings, "fused": True})
    except (TypeError, RuntimeError):  # not for this optimizer, or not on this device
        return kind(parameters, **settings)
