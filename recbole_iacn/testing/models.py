"""Checks of models: properties that hold for every model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch

from recbole_iacn.testing.planted import model_of, small_training, some_rows, without_padding

if TYPE_CHECKING:
    from recbole.data.interaction import Interaction
    from torch import Tensor

    from recbole_iacn.building import Training


class ModelChecks:
    """Checks that every model passes.

    Attributes:
        model (str or type): the model to check, by name or class.
        settings (dict): settings that override those of :data:`recbole_iacn.testing.planted.SMALL`.
        tolerance (float): absolute tolerance of scores that are computed in a different order. Defaults to 1e-5.
    """

    model: str | type | None = None
    settings: ClassVar[dict[str, Any]] = {}
    tolerance = 1e-5

    @pytest.fixture(scope="class")
    @classmethod
    def training(cls, tmp_path_factory: pytest.TempPathFactory) -> Training:
        """A training of the model, with random weights that are much larger than its initial ones."""
        training = cls.make(tmp_path_factory.mktemp("planted"))
        torch.manual_seed(0)
        for parameter in training.model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        return training

    @classmethod
    def make(cls, folder: Path, **changes: Any) -> Training:
        """Build a training of the model, not trained yet."""
        return small_training(model_of(cls.model, cls), folder, **{**cls.settings, **changes})

    @torch.no_grad()
    def scores(self, training: Training, rows: Interaction) -> Tensor:
        """The scores of all items for each row, shape (B, items)."""
        training.model.eval()
        return training.model.full_sort_predict(rows).view(len(rows), -1)[:, 1:]

    def test_losses_and_gradients_are_finite(self, training: Training) -> None:
        model = training.model.train()
        model.zero_grad()
        losses = model.calculate_loss(next(iter(training.train_data)).to(model.device))
        losses = losses if isinstance(losses, tuple) else (losses,)
        assert len(losses) == len(model.loss_names) and all(loss.dim() == 0 and loss.isfinite() for loss in losses)
        torch.stack(losses).sum().backward()
        gradients = [p.grad.to_dense() for p in model.parameters() if p.grad is not None]
        assert gradients and all(gradient.isfinite().all() for gradient in gradients)
        assert any(gradient.any() for gradient in gradients)
        model.zero_grad()

    def test_every_item_has_a_finite_score(self, training: Training) -> None:
        rows = some_rows(training)
        scores = self.scores(training, rows)
        assert scores.shape == (len(rows), training.model.n_items - 1) and scores.isfinite().all()
        assert len(scores.unique()) > scores.numel() // 4, "most scores are equal"

    def test_all_items_are_scored_as_one_by_one(self, training: Training) -> None:
        rows = some_rows(training)
        scores = self.scores(training, rows)
        for item in (1, 7, training.model.n_items - 1):
            one = rows.to(training.model.device)
            one[training.model.ITEM_ID] = torch.full_like(one[training.model.ITEM_ID], item)
            if training.dataset.item_feat is not None:
                one.update(training.dataset.join(one))
            with torch.no_grad():
                predicted = training.model.predict(one).flatten()
            torch.testing.assert_close(predicted, scores[:, item - 1], atol=self.tolerance, rtol=1e-4)

    def test_rows_do_not_see_each_other(self, training: Training) -> None:
        rows = some_rows(training)
        scores = self.scores(training, rows)
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(self.scores(training, rows[order]), scores[order], atol=self.tolerance, rtol=1e-4)
        alone = self.scores(training, rows[torch.arange(1)])
        torch.testing.assert_close(alone, scores[:1], atol=self.tolerance, rtol=1e-4)

    def test_padding_has_no_say(self, training: Training) -> None:
        rows = some_rows(training)
        history = rows[training.model.ITEM_SEQ]
        width = history.shape[1]
        rows[training.model.ITEM_SEQ] = history * (torch.arange(width, device=history.device) < 3)
        rows[training.model.ITEM_SEQ_LEN] = rows[training.model.ITEM_SEQ_LEN].clamp_max(3)
        whole, cut = self.scores(training, rows), self.scores(training, without_padding(rows, 3, width))
        torch.testing.assert_close(cut, whole, atol=self.tolerance, rtol=1e-4)

    def test_one_seed_is_one_training(self, tmp_path: Path) -> None:
        figures = []
        for seed in (1, 1, 2):
            made = self.make(tmp_path, seed=seed, epochs=1)
            made.fit(saved=False, verbose=False)
            figures.append(self.scores(made, some_rows(made)))
        assert torch.equal(figures[0], figures[1]) and not torch.equal(figures[0], figures[2])

    def test_a_saved_model_is_the_same(self, training: Training, tmp_path: Path) -> None:
        from recbole_iacn.training.checkpoint import load_weights

        path = training.save_checkpoint(str(tmp_path / "model.pth"))
        other = self.make(Path(training.config["data_path"]), seed=99)
        load_weights(other.model, path)
        rows = some_rows(training)
        assert torch.equal(self.scores(other, rows), self.scores(training, rows))


class ClickModelChecks(ModelChecks):
    """Checks of a click-through-rate model, ``recbole_iacn.interest_aware(…)``."""

    def test_scores_are_probabilities(self, training: Training) -> None:
        scores = self.scores(training, some_rows(training))
        assert ((scores >= 0) & (scores <= 1)).all()

    @pytest.mark.parametrize("mode", ["off", "width"])
    def test_every_mode_has_its_losses(self, tmp_path: Path, mode: str) -> None:
        made = self.make(tmp_path, iacn_mode=mode)
        loss = made.model.calculate_loss(next(iter(made.train_data)).to(made.model.device))
        assert made.model.loss_names == ("main",) and torch.is_tensor(loss) and loss.isfinite()

    @pytest.mark.parametrize("delta", [0.0, 1.0])
    def test_delta_says_which_task_moves_the_second_embedding(self, tmp_path: Path, delta: float) -> None:
        """With delta 0 only the auxiliary task moves E_auxiliary, with delta 1 only the main task does."""
        model = (made := self.make(tmp_path, iacn_delta=delta)).model.train()
        batch = next(iter(made.train_data)).to(model.device)
        main, *others = model.calculate_loss(batch)
        mover, other = (sum(others), main) if delta == 0 else (main, sum(others))
        table = model.item_tables.auxiliary(torch.arange(model.n_items, device=model.device))
        weights = list(model.parameters())
        of_table = torch.autograd.grad(table.sum(), weights, allow_unused=True, retain_graph=True)
        rows = [None if gradient is None else gradient.to_dense() != 0 for gradient in of_table]

        def moves(loss: Tensor) -> bool:
            gradients = torch.autograd.grad(loss, weights, allow_unused=True, retain_graph=True)
            return any(
                gradient.to_dense()[here].any()
                for gradient, here in zip(gradients, rows)
                if gradient is not None and here is not None
            )

        assert moves(mover) and not moves(other)


class RetrievalModelChecks(ModelChecks):
    """Checks of a model with interests, derived from :class:`recbole_iacn.InterestRecommender`."""

    settings: ClassVar[dict[str, Any]] = {"eval_negatives": 9, "topk": [5], "valid_metric": "NDCG@5"}

    def test_interests_are_of_the_promised_shape(self, training: Training) -> None:
        rows = some_rows(training)
        interests, active = training.model.eval().interests(rows)
        assert interests.shape == (len(rows), active.shape[1], training.model.embedding_size)
        assert active.dtype == torch.bool and active[:, 0].all(), "every user must have the first interest"

    def test_a_score_is_the_largest_product(self, training: Training) -> None:
        rows, model = some_rows(training), training.model.eval()
        with torch.no_grad():
            users, active = model.users(rows)
            items = model.embed(torch.arange(1, model.n_items, device=model.device))
        products = (users @ items.T).masked_fill(~active.unsqueeze(2), -torch.inf)
        scores = self.scores(training, rows)
        torch.testing.assert_close(scores, products.amax(dim=1), atol=self.tolerance, rtol=1e-4)
