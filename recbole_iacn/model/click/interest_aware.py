"""Auxiliary item embeddings and their tasks, as a mixin over any click-through-rate model."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from recbole_iacn import parallel
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.click.full_sort import score_all, score_each
from recbole_iacn.model.click.item_tables import Part
from recbole_iacn.model.click.relationship import RelationshipScore
from recbole_iacn.model.click.task import find_task
from recbole_iacn.nn import mix_gradient

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction


class InterestAware(Part):
    """Gives a click-through-rate model an auxiliary item embedding and, in training, the tasks that train it.

    The item embedding becomes ``E = E_original ⊕ E_auxiliary`` (concatenated: one more item field) and
    ``calculate_loss`` returns ``(L_main, lambda * L_IaCN)``; RecBole adds the parts. ``E_auxiliary`` receives the
    gradient ``(1 - delta) * g_IaCN + delta * g_main``. Scoring is the backbone's own: a trained model needs no capsule,
    except with ``iacn_relationship``, which adds what the interests say of the candidate
    (:class:`recbole_iacn.model.click.relationship.RelationshipScore`).

    Comes first among the bases that :func:`recbole_iacn.interest_aware` gives a class; another of them owns the item
    tables: :class:`SequenceItems` before DIN and DIEN, :class:`HistoryContext` behind a context-aware model. They
    provide ``item_tables``, ``with_history``, ``scorer``, ``reads_items`` and the names of the columns.

    ``iacn_mode``: ``off`` is the plain backbone, ``width`` has ``E_auxiliary`` without any task (the control),
    ``full`` has both. ``auxiliary_tasks`` names the tasks: by default the papers' alone,
    :class:`recbole_iacn.model.click.capsule_task.CapsuleTask`.

    Source: Jaiswal & Xiong, RecSys '23, section 2. All keys: ``properties/IaCN.yaml``.
    """

    dataset_class = "recbole_iacn.data.dataset.InterestAwareDataset"
    trainer_class = "recbole_iacn.training.trainer.IaCNTrainer"
    backbone: type  # the class that the rule was applied to
    epoch = 0  # set by the trainer
    relationship: RelationshipScore | None
    _finished: Tensor | None = None  # relationship scores that are known already, while a scorer predicts

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.iacn_mode = config["iacn_mode"]
        self.eval_batch_size = config["eval_batch_size"]
        self.iacn_delta = config["iacn_delta"]
        full = self.iacn_mode == "full"
        self.item_tables.main_weight = self.iacn_delta if full else 1.0
        self.tasks: Any = nn.ModuleDict()  # of AuxiliaryTask
        for name in (config["auxiliary_tasks"] or ["iacn"]) if full else []:
            self.tasks[name] = find_task(name)(config, dataset, self)
        self.relationship = self._relationship(config) if full else None
        twice = [name for name in set(self.loss_names) if self.loss_names.count(name) > 1]
        if twice:
            raise ConfigError(f"auxiliary_tasks: two losses are called {twice[0]!r}; give a task other loss_names")
        self._keep_loose_weights()
        self.in_float32 = self._of_probabilities(config)

    def _relationship(self, config):
        """The part that adds the relationship score; None where ``iacn_relationship`` is none."""
        if (config["iacn_relationship"] or "none") == "none":
            return None
        if "iacn" not in self.tasks:
            raise ConfigError("iacn_relationship: needs the task iacn; add it to auxiliary_tasks")
        if not isinstance(getattr(self, "loss", None), nn.BCEWithLogitsLoss):
            raise ConfigError(
                f"iacn_relationship: {self.backbone.__name__} has no self.loss = BCEWithLogitsLoss(), whose logits a "
                "score could be added to; set iacn_relationship to none"
            )
        return RelationshipScore(joint=config["iacn_relationship"] == "joint")

    def _keep_loose_weights(self) -> None:
        """RecBole's FwFM has weights in a plain tensor, which is never trained and never saved: a loaded model would
        have new random ones. As a buffer they are saved, and still not trained."""
        self.loose_weights = [n for n, value in vars(self).items() if torch.is_tensor(value) and value.requires_grad]
        for name in self.loose_weights:
            self.register_buffer(name, self.__dict__.pop(name).detach())

    def _precision(self):
        return torch.autocast(self.device.type, enabled=False) if self.in_float32 else contextlib.nullcontext()

    def _of_probabilities(self, config):
        """Whether the backbone's loss is one of probabilities, as DCNV2's and KD_DAGFM's. In 16 bits a probability
        above .998 is 1, whose loss for a negative is 100, and PyTorch refuses it on a GPU; so all of it is float32."""
        found = any(isinstance(part, nn.BCELoss) for part in self.modules())
        if found and config["enable_amp"]:
            logging.getLogger(__name__).warning(
                "enable_amp: %s has a loss of probabilities, which 16 bits would round to 0 and 1; it trains in "
                "float32, its auxiliary tasks in 16 bits",
                self.backbone.__name__,
            )
        return found

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The names of the losses in the log, in the order in which :meth:`calculate_loss` returns them."""
        return ("main", *(name for task in self.tasks.values() for name in task.loss_names))

    def calculate_loss(self, interaction: Interaction) -> Tensor | tuple[Tensor, ...]:
        """The backbone's loss; with tasks the tuple ``(L_main, lambda * L_IaCN, …)``."""
        with self.item_tables.sharing():
            with self._related(interaction), self._precision():
                main = super().calculate_loss(self.with_history(interaction))
            main = main * parallel.share(len(interaction), parallel.total(len(interaction), main.device))
            if not self.reads_items:
                raise ConfigError(
                    f"{type(self).__name__}: {self.backbone.__name__} does not read its fields by embed_input_fields, "
                    "so neither history nor E_auxiliary reaches its score; let it call concat_embed_input_fields"
                )
            return (main, *self.auxiliary_losses(interaction)) if self.tasks else main

    def auxiliary_losses(self, interaction: Interaction) -> tuple[Tensor, ...]:
        """The losses of all tasks over a batch's clicked rows; their mean over the processes is that over all rows.
        A row without a history has no interests, and so no loss.

        Returns:
            tuple: scalars.
        """
        clicked = (interaction[self.LABEL_FIELD] > 0) & (interaction[self.ITEM_SEQ] != 0).any(dim=1)
        share = 1.0
        if parallel.active():
            count = int(clicked.sum())
            share = parallel.share(count, parallel.total(count, clicked.device))
        parts = [task.checked_losses(self, interaction, clicked) for task in self.tasks.values()]
        return tuple(loss * share for losses in parts for loss in losses)

    def auxiliary_embedding(self, items: Tensor) -> Tensor:
        """``E_auxiliary`` of items as a task reads it: with ``1 - delta`` of the task's gradient.

        Args:
            items (torch.LongTensor): item ids, any shape.

        Returns:
            torch.Tensor: shape (\\*items.shape, D).
        """
        return mix_gradient(self.item_tables.auxiliary(items), 1 - self.iacn_delta)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As in PyTorch; also from a checkpoint of version 0.5. A backbone that loads weights while it is built
        (KD_DAGFM's ``warm_up``) has no task yet: then the tasks' weights are left out."""
        state_dict = {_name_since_0_6(name): value for name, value in state_dict.items()}
        for name in getattr(self, "loose_weights", ()):  # 0.5 did not save them
            state_dict.setdefault(name, getattr(self, name))
        if not hasattr(self, "tasks"):
            state_dict = {name: value for name, value in state_dict.items() if not name.startswith("tasks.")}
        return super().load_state_dict(state_dict, *args, **kwargs)

    def predict(self, interaction: Interaction) -> Tensor:
        """The backbone's score of each row, shape (B,)."""
        with self._related(interaction):
            return super().predict(self.with_history(interaction)).flatten()  # KD_DAGFM's is (B, 1)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The backbone's logits, with the relationship score added if the model has one."""
        output = super().forward(*inputs, **named)
        return output if self.relationship is None else self.relationship.added(self, output)

    @contextlib.contextmanager
    def related(self, scores: Tensor) -> Iterator[None]:
        """While active, the next :meth:`predict` adds these relationship scores, and reads no history for them.

        Args:
            scores (torch.Tensor): shape (B,).
        """
        self._finished = scores
        try:
            yield
        finally:
            self._finished = None

    def _related(self, interaction):
        if self.relationship is None:
            return contextlib.nullcontext()
        return self.relationship.beside(interaction if self._finished is None else self._finished)

    def foresee(self, interaction: Interaction) -> Tensor:
        """The user vector by the predicted next interest, which retrieves items by its product with their auxiliary
        embeddings.

        Args:
            interaction (recbole.data.interaction.Interaction): rows with a history.

        Returns:
            torch.Tensor: shape (B, D).

        Raises:
            ConfigError: the model was not trained with ``iacn_target: distilled``.
        """
        if "iacn" not in self.tasks or not self.tasks["iacn"].foresees:
            raise ConfigError("iacn_target: only a model with iacn_target: distilled can predict the next interest")
        return self.tasks["iacn"].foresee(self, interaction)

    def interests_and_items(self, interaction: Interaction) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        """What :func:`recbole_iacn.experiments.divergence.interest_divergence` compares, for a model with capsules.

        Returns:
            tuple: interests (B, K, D), their mask (B, K), and the function that embeds items.
        """
        return *self._capsules("interests").interests(self, interaction), self.item_tables.auxiliary

    def settled_interests(self, interaction: Interaction) -> tuple[Tensor, Tensor, Tensor]:
        """The interests to look at: of a routing that starts from behaviours that lie apart, and is carried on for
        ``iacn_settling_iterations``, until they have found their interests. Scores do not change by that: they read no
        interests, or with ``iacn_relationship`` those of training's routing.

        Args:
            interaction (recbole.data.interaction.Interaction): rows with a history.

        Returns:
            tuple: interests (B, K, D), their mask (B, K) and couplings (B, L, K).

        Raises:
            ConfigError: as :meth:`couplings`.
        """
        return self._capsules("interests").settled(self, interaction)

    def couplings(self, interaction: Interaction) -> Tensor:
        """Which interest each behaviour of a history belongs to, according to the trained capsules.

        Args:
            interaction (recbole.data.interaction.Interaction): rows with a history.

        Returns:
            torch.Tensor: couplings ``a_ij``, shape (B, L, K); at each real position they add up to 1 over K.

        Raises:
            ConfigError: the model has no capsules (``iacn_mode`` is not ``full``, or ``auxiliary_tasks`` without iacn).
        """
        return self._capsules("couplings").couplings(self, interaction)

    def _capsules(self, wanted: str) -> Any:
        if "iacn" in self.tasks:
            return self.tasks["iacn"]
        if self.tasks:
            raise ConfigError(f"auxiliary_tasks: {wanted} need the task iacn, this model has {', '.join(self.tasks)}")
        raise ConfigError(f"iacn_mode: {wanted} need the capsules of mode full, this model's is {self.iacn_mode!r}")

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """Score every item for each row; see :func:`score_all`.

        Returns:
            torch.Tensor: shape (B, items), padding item included.
        """
        return score_all(self, interaction)

    def candidate_scores(self, interaction: Interaction, items: Tensor) -> Tensor:
        """Score each row's own candidates; see :func:`score_each`.

        Args:
            interaction (recbole.data.interaction.Interaction): rows with a history, B of them.
            items (torch.LongTensor): item ids, shape (B, N).

        Returns:
            torch.Tensor: shape (B, N).
        """
        return score_each(self, interaction, items)


def _name_since_0_6(name: str) -> str:
    """The current name of a weight, from that in version 0.5, which had one task, as a part of the model itself."""
    if name.startswith("iacn."):
        return "tasks.iacn.network." + name.removeprefix("iacn.")
    return "tasks.iacn." + name if name.startswith("profile_embedding.") else name
