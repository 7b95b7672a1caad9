"""The papers' auxiliary task: extract interests from the history, and predict the clicked item with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from recbole.utils import FeatureType
from torch import Tensor, nn

from recbole_iacn import parallel
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.model.click.task import AuxiliaryTask
from recbole_iacn.model.click.task_extractor import task_extractor
from recbole_iacn.model.extractors import couplings_of
from recbole_iacn.nn import BehaviorToInterestRouting, InterestAwareNetwork, expected_log_count

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction

    from recbole_iacn.model.click.interest_aware import InterestAware


class CapsuleTask(AuxiliaryTask):
    """``L_IaCN``, weighted by λ; with ``iacn_target: distilled`` also the distillation loss.

    ``iacn_extractor`` says how interests are found in the history: ``routing``, the papers' capsules; ``attention``,
    ComiRec's, and ``block``, the same behind a transformer block; or one interest alone: ``mean`` (the control without
    interests), ``last`` (the newest behaviour), ``recurrent`` (the last state of a GRU). All of them map behaviours by
    one matrix M, and start alike (``iacn_map_scale``). Users add their own (:func:`recbole_iacn.add_extractor`).
    ``iacn_loss``: the papers' ``sampled_softmax``, or ``bpr``.

    Source: Jaiswal & Xiong (IaCN), RecSys '23, section 2. Settings: those whose names begin with ``iacn_``.
    """

    name = "iacn"
    item_frequency: Tensor

    def __init__(self, config: Config, dataset: Dataset, model: InterestAware) -> None:
        super().__init__(config, dataset, model)
        distilled = config["iacn_target"] == "distilled"
        self.weight = config["iacn_lambda"]
        self.negatives = config["iacn_negatives"]
        self.settling_iterations = config["iacn_settling_iterations"]
        self.distillation_weight = config["iacn_distillation_weight"]
        self.distillation_warmup = config["iacn_distillation_warmup"]
        self.profile_embedding, self.profile_fields = _profile_tables(config, dataset)
        self.network = InterestAwareNetwork(
            model.embedding_size,
            max_length=model.max_seq_length,
            attention=config["iacn_attention"],
            power=config["iacn_power"],
            temperature=config["iacn_temperature"],
            map_scale=config["iacn_map_scale"],
            profile_size=len(self.profile_embedding) * model.embedding_size,
            state_size=(getattr(model, "state_size", None) or model.embedding_size) if distilled else 0,
            distillation_temperature=config["iacn_distillation_temperature"],
            extractor=task_extractor(config, model),
            loss=config["iacn_loss"] or "sampled_softmax",
        )
        frequency = torch.bincount(_clicked_items(dataset, model), minlength=model.n_items).float()
        self.register_buffer("item_frequency", frequency, persistent=False)

    @property
    def foresees(self) -> bool:
        """Whether the next interest is predicted from the history."""
        return self.network.foresight is not None

    @property
    def reads_state(self) -> bool:
        return self.foresees

    @property
    def loss_names(self) -> tuple[str, ...]:
        return ("iacn", "distillation") if self.foresees else ("iacn",)

    def losses(self, model: InterestAware, batch: Interaction, clicked: Tensor) -> Tensor | tuple[Tensor, ...]:
        """``λ·L_IaCN`` over the clicked rows of a batch, whichever processes hold them; with ``iacn_target: distilled``
        also the distillation loss, after its epochs of warm-up."""
        rows = clicked.nonzero().squeeze(1)
        history = batch[model.ITEM_SEQ][rows]
        own = batch[model.POS_ITEM_ID][rows]
        targets = parallel.own_first(own)
        negatives = parallel.of_first(torch.randint(1, model.n_items, (self.negatives,), device=own.device))
        candidates = torch.cat([targets, negatives])
        behaviors, mask = model.auxiliary_embedding(history), history != 0
        state = _user_state(model, batch, behaviors, mask, rows) if self.foresees else None
        loss = self.network.loss(
            behaviors,
            mask,
            model.auxiliary_embedding(candidates),
            candidates,
            self._log_count(candidates, len(targets)),
            self.profile(batch[model.USER_ID][rows]),
            state,
            drawn=len(negatives),
        )
        if not self.foresees:
            return self.weight * loss
        weight = self.distillation_weight if model.epoch >= self.distillation_warmup else 0.0
        return self.weight * loss[0], weight * loss[1]

    def interests(self, model: InterestAware, batch: Interaction) -> tuple[Tensor, Tensor]:
        """Interests of each row (B, K, D) and their mask (B, K), all False where the history is empty."""
        history = batch[model.ITEM_SEQ]
        behaviors, mask = model.item_tables.auxiliary(history), history != 0
        interests, active = self.network.interests(behaviors, mask, self.profile(batch[model.USER_ID]))
        return interests, active & mask.any(dim=1, keepdim=True)

    def settled(self, model: InterestAware, batch: Interaction) -> tuple[Tensor, Tensor, Tensor]:
        """As :meth:`interests` and :meth:`couplings`, of a routing that starts from clicks that lie apart, and settles.
        Training's stops early, as the papers' does, while most clicks are still divided."""
        history, profile = batch[model.ITEM_SEQ], self.profile(batch[model.USER_ID])
        behaviors, mask = model.item_tables.auxiliary(history), history != 0
        interests, active = self.network.interests(behaviors, mask, profile, self.settling_iterations)
        extractor = self.network.extractor
        if isinstance(extractor, BehaviorToInterestRouting):
            couplings = extractor.settled(behaviors, mask, self.settling_iterations)[2]
        else:
            couplings = couplings_of(extractor, behaviors, mask)
        return interests, active & mask.any(dim=1, keepdim=True), couplings

    def foresee(self, model: InterestAware, batch: Interaction) -> Tensor:
        """The user vector by the predicted next interest, shape (B, D)."""
        history = batch[model.ITEM_SEQ]
        behaviors, mask = model.item_tables.auxiliary(history), history != 0
        every = torch.ones(len(history), dtype=torch.bool, device=history.device)
        state = _user_state(model, batch, behaviors, mask, every)
        return self.network.foresee(behaviors, mask, state, self.profile(batch[model.USER_ID]))[0]

    def couplings(self, model: InterestAware, batch: Interaction) -> Tensor:
        """Which interest each behaviour belongs to, shape (B, L, K)."""
        history = batch[model.ITEM_SEQ]
        return couplings_of(self.network.extractor, model.item_tables.auxiliary(history), history != 0)

    def _log_count(self, candidates, targets):
        """logQ of the sampled softmax; the other loss reads none."""
        if self.network.loss_name != "sampled_softmax":
            return None
        return expected_log_count(self.item_frequency, candidates, targets, len(candidates) - targets)

    def profile(self, user_ids: Tensor) -> Tensor | None:
        """The profiles of users, (B, fields * D); None without ``iacn_user_profile``.

        Args:
            user_ids (torch.LongTensor): shape (B,).
        """
        if not self.profile_fields:
            return None
        return torch.cat(
            [self.profile_embedding[name](ids[user_ids]) for name, ids in self.profile_fields.items()], dim=-1
        )


def _clicked_items(dataset, model):
    rows = dataset.inter_feat
    items = rows[model.ITEM_ID]
    return items[rows[model.LABEL_FIELD] > 0] if model.LABEL_FIELD in rows else items


def _user_state(model, batch, behaviors, mask, rows):
    """The state of the users of some rows: the backbone's, or else the mean of their histories."""
    if hasattr(model, "user_state"):
        return model.user_state(batch)[rows]
    real = mask.unsqueeze(2).to(behaviors.dtype)
    return (behaviors * real).sum(dim=1) / real.sum(dim=1).clamp_min(1)


def _profile_tables(config, dataset):
    """An embedding table and the column of ids of every field of ``iacn_user_profile``."""
    users = dataset.get_user_feature()
    known = [name for name in users if dataset.field2type[name] is FeatureType.TOKEN]
    tables, columns = nn.ModuleDict(), {}
    for name in config["iacn_user_profile"] or []:
        if name not in known:
            raise ConfigError(
                f"iacn_user_profile: the user table has no token column {name!r}.{did_you_mean(name, known)} "
                f"Loaded columns of tokens: {', '.join(known)}; see load_col.user."
            )
        table = tables[name] = nn.Embedding(dataset.num(name), config["embedding_size"])
        nn.init.xavier_normal_(table.weight)
        columns[name] = users[name].to(config["device"])
    return tables, columns
