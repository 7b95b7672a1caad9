"""Checks of parts of a model: extractors and auxiliary tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch

from recbole_iacn.testing.planted import small_training

if TYPE_CHECKING:
    from torch import nn

    from recbole_iacn.building import Training

B, L, K, D = 6, 7, 3, 4


class ExtractorChecks:
    """Checks of a module that extracts interests from a history.

    Attributes:
        extractor (type): the module's class, constructed as ``extractor(embedding_size, num_interests, max_length)``.
    """

    extractor: type[nn.Module]

    @pytest.fixture
    def made(self) -> nn.Module:
        torch.manual_seed(0)
        return type(self).extractor(D, K, L).eval()

    @pytest.fixture
    def history(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Behaviours (B, L, D) and their mask (B, L); the histories have 7, 6, 5, 3, 2 and 1 behaviours."""
        torch.manual_seed(1)
        return torch.randn(B, L, D), torch.arange(L) < torch.tensor([[7], [6], [5], [3], [2], [1]])

    def test_shapes(self, made: nn.Module, history: tuple[torch.Tensor, torch.Tensor]) -> None:
        interests, active = made(*history)
        assert interests.shape == (B, active.shape[1], D) and active.dtype == torch.bool
        assert active.shape[1] in (1, K) and active[:, 0].all(), "every user must have the first interest"

    def test_padding_has_no_say(self, made: nn.Module, history: tuple[torch.Tensor, torch.Tensor]) -> None:
        behaviors, mask = history
        interests, active = made(behaviors, mask)
        other = torch.where(mask.unsqueeze(2), behaviors, torch.full_like(behaviors, 9.0))
        torch.testing.assert_close(made(other, mask)[0], interests, atol=1e-6, rtol=1e-5)
        cut = made(behaviors[3:, :3], mask[3:, :3])
        torch.testing.assert_close(cut[0], interests[3:], atol=1e-6, rtol=1e-5)
        assert torch.equal(cut[1], active[3:])

    def test_rows_do_not_see_each_other(self, made: nn.Module, history: tuple[torch.Tensor, torch.Tensor]) -> None:
        behaviors, mask = history
        interests, _ = made(behaviors, mask)
        order = torch.tensor([3, 0, 5, 1, 4, 2])
        torch.testing.assert_close(made(behaviors[order], mask[order])[0], interests[order], atol=1e-6, rtol=1e-5)

    def test_by_row_holds_in_training(self, made: nn.Module, history: tuple[torch.Tensor, torch.Tensor]) -> None:
        behaviors, mask = history
        if getattr(made, "by_row", False):
            behaviors.requires_grad_()
            made.train()(behaviors, mask)[0][0].square().sum().backward()
            assert behaviors.grad is not None and not behaviors.grad[1:].any(), "rows are not apart: set by_row = False"

    def test_an_empty_history_is_finite(self, made: nn.Module) -> None:
        behaviors = torch.randn(2, L, D, requires_grad=True)
        interests, _ = made(behaviors, torch.zeros(2, L, dtype=torch.bool))
        interests.sum().backward()
        assert interests.isfinite().all() and behaviors.grad is not None and behaviors.grad.isfinite().all()

    def test_the_history_learns(self, made: nn.Module, history: tuple[torch.Tensor, torch.Tensor]) -> None:
        behaviors, mask = history
        behaviors.requires_grad_()
        made.train()(behaviors, mask)[0].square().sum().backward()
        assert behaviors.grad is not None and behaviors.grad.isfinite().all()
        assert behaviors.grad[mask].any() and not behaviors.grad[~mask].any()


class TaskChecks:
    """Checks of an auxiliary task that was added by :func:`recbole_iacn.add_task`.

    Attributes:
        task (str): the task's name.
        model (str): the interest-aware model that carries the task. Defaults to WideDeep_IaCN.
        settings (dict): settings that override those of :data:`recbole_iacn.testing.planted.SMALL`.
    """

    task: str
    model = "WideDeep_IaCN"
    settings: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def training(self, tmp_path: Path) -> Training:
        return small_training(self.model, tmp_path, **{"auxiliary_tasks": [self.task], **self.settings})

    def test_losses_have_names(self, training: Training) -> None:
        model = training.model
        losses = model.auxiliary_losses(next(iter(training.train_data)).to(model.device))
        assert len(losses) == len(model.loss_names) - 1 == len(model.tasks[self.task].loss_names)
        assert all(loss.dim() == 0 and loss.isfinite() for loss in losses)

    def test_it_moves_the_second_embedding_and_itself_alone(self, training: Training) -> None:
        model = training.model
        sum(model.auxiliary_losses(next(iter(training.train_data)).to(model.device))).backward()
        items = torch.arange(model.n_items, device=model.device)
        of_items = torch.autograd.grad(
            model.item_tables.auxiliary(items).sum(), list(model.parameters()), allow_unused=True
        )
        tables = {name for (name, _), gradient in zip(model.named_parameters(), of_items) if gradient is not None}
        learning = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.to_dense().any()}
        assert learning & tables, "the auxiliary embedding does not learn; read it with model.auxiliary_embedding"
        others = {name for name in learning - tables if not name.startswith(f"tasks.{self.task}.")}
        assert not others, f"{sorted(others)} learn from the task; detach all that it reads but the auxiliary embedding"

    def test_delta_1_leaves_the_second_embedding_to_the_main_task(self, tmp_path: Path) -> None:
        changes = {"auxiliary_tasks": [self.task], "iacn_delta": 1.0, **self.settings}
        model = (made := small_training(self.model, tmp_path, **changes)).model
        loss = torch.stack(model.auxiliary_losses(next(iter(made.train_data)).to(model.device))).sum()
        if loss.requires_grad:  # the task may have its own weights
            loss.backward()
        learning = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.to_dense().any()}
        others = {name for name in learning if not name.startswith("tasks.")}
        assert not others, "read items with model.auxiliary_embedding"

    def test_a_batch_without_clicks_is_differentiable(self, training: Training) -> None:
        model = training.model
        batch = next(iter(training.train_data)).to(model.device)
        losses = model.auxiliary_losses(batch[batch[model.LABEL_FIELD] == 0])
        assert all(loss.isfinite() for loss in losses)
        sum(losses).backward()
