"""Adam with a cost that is independent of the catalogue's size: only the rows of large embedding tables that a batch
contains are updated."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class LazyAdam(torch.optim.Optimizer):
    """Two PyTorch optimizers in one: SparseAdam for embedding tables with sparse gradients, Adam for everything else.

    Because of its momentum Adam moves every row in every step, even where the gradient is 0: one pass over the table
    and its two moments. SparseAdam leaves a row and its moments unchanged until the row occurs in a batch again.

    Args:
        dense (list of torch.nn.Parameter): parameters that Adam updates.
        sparse (list of torch.nn.Parameter): embedding tables that SparseAdam updates.
        lr (float): the learning rate of both. Defaults to 0.001.
    """

    def __init__(self, dense: list[nn.Parameter], sparse: list[nn.Parameter], lr: float = 1e-3) -> None:
        self.parts = {
            "dense": _fused(torch.optim.Adam, dense, {"lr": lr}),
            "sparse": torch.optim.SparseAdam(sparse, lr),
        }
        super().__init__([*dense, *sparse], {"lr": lr})
        # The parts' own groups, so that a learning-rate schedule reaches them.
        self.param_groups = [group for part in self.parts.values() for group in part.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step, as in PyTorch. If a table's gradient is dense after all (a backbone may add a norm of its
        weights to the loss), the rows with a gradient other than 0 are updated."""
        loss = closure() if closure is not None else None
        for group in self.parts["sparse"].param_groups:
            for table in group["params"]:
                if table.grad is not None and not table.grad.is_sparse:
                    table.grad = table.grad.to_sparse(1)
        for part in self.parts.values():
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The state of each part, by the part's name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state that :meth:`state_dict` returned."""
        for name, part in self.parts.items():
            part.load_state_dict(state_dict[name])
        self.param_groups = [group for part in self.parts.values() for group in part.param_groups]


def build(model: nn.Module, stock: torch.optim.Optimizer, sparse_rows: int | None) -> torch.optim.Optimizer:
    """Build the optimizer that a trainer uses for a model.

    Args:
        model (torch.nn.Module): the model; its large embedding tables are switched to sparse gradients.
        stock (torch.optim.Optimizer): the optimizer that RecBole built for ``learner``.
        sparse_rows (int, optional): the smallest number of rows of a table that is updated lazily; None for no lazy
            updates.

    Returns:
        torch.optim.Optimizer: :class:`LazyAdam` if RecBole chose Adam without weight decay and a table is large enough;
        otherwise an optimizer like RecBole's, fused into one pass over memory where PyTorch has such a kernel.
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
    accepted = inspect.signature(kind).parameters  # AdamW's defaults name a setting that its constructor rejects
    settings = {key: value for key, value in settings.items() if key in accepted}
    try:
        return kind(parameters, **{**settings, "fused": True})
    except (TypeError, RuntimeError):  # there is no fused kernel for this optimizer or this device
        return kind(parameters, **settings)
