"""The auxiliary task, as a mixin over any click-through-rate model."""

import torch
from recbole.utils import FeatureType
from torch import nn

from recbole_iacn import parallel
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.model.click.full_sort import score_all
from recbole_iacn.nn import InterestAwareNetwork, expected_log_count, mix_gradient


class InterestAware:
    """Gives a click-through-rate model an auxiliary item embedding and, in training, the capsule task.

    The item embedding becomes ``E = E_original ⊕ E_auxiliary`` (concatenated: one more item field) and
    ``calculate_loss`` returns ``(L_main, lambda * L_IaCN)``; RecBole adds the parts. ``E_auxiliary`` receives the
    gradient ``(1 - delta) * g_IaCN + delta * g_main``. Scoring is the backbone's own: a trained model needs no capsule.

    Stands first among the bases that :func:`recbole_iacn.interest_aware` gives a class; another of them owns the item
    tables: :class:`SequenceItems` before DIN and DIEN, :class:`HistoryContext` behind a context-aware model. They
    provide ``item_tables``, ``with_history``, ``scorer``, ``reads_items`` and the names of the columns.

    ``iacn_mode``: ``off`` is the plain backbone, ``width`` has ``E_auxiliary`` without the capsule task (the honest
    control), ``full`` has both.

    Source: Jaiswal & Xiong, RecSys '23, section 2. All keys: ``properties/IaCN.yaml``.
    """

    dataset_class = "recbole_iacn.data.dataset.InterestAwareDataset"
    trainer_class = "recbole_iacn.training.trainer.IaCNTrainer"
    loss_names = ("main", "iacn")
    epoch = 0  # told by the trainer

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.iacn_mode = config["iacn_mode"]
        self.eval_batch_size = config["eval_batch_size"]
        full = self.iacn_mode == "full"
        self.iacn_lambda = config["iacn_lambda"]
        self.iacn_delta = config["iacn_delta"]
        self.iacn_negatives = config["iacn_negatives"]
        self.item_tables.main_weight = self.iacn_delta if full else 1.0
        self.iacn = None
        if full:
            self._build_iacn(config, dataset)

    def _build_iacn(self, config, dataset):
        self.profile_embedding, self.profile_fields = _profile_tables(config, dataset)
        distilled = config["iacn_target"] == "distilled"
        self.distillation_weight = config["iacn_distillation_weight"]
        self.distillation_warmup = config["iacn_distillation_warmup"]
        self.iacn = InterestAwareNetwork(
            self.embedding_size,
            max_length=self.max_seq_length,
            num_interests=config["iacn_interests"],
            iterations=config["iacn_routing_iterations"],
            attention=config["iacn_attention"],
            power=config["iacn_power"],
            temperature=config["iacn_temperature"],
            rounding=config["iacn_interest_rounding"],
            logit_std=config["iacn_logit_std"],
            map_scale=config["iacn_map_scale"],
            profile_size=len(self.profile_embedding) * self.embedding_size,
            state_size=getattr(self, "state_size", self.embedding_size) if distilled else 0,
            distillation_temperature=config["iacn_distillation_temperature"],
        )
        if distilled:
            self.loss_names = ("main", "iacn", "distillation")
        clicked = dataset.inter_feat
        items = clicked[self.ITEM_ID]
        if self.LABEL_FIELD in clicked:
            items = items[clicked[self.LABEL_FIELD] > 0]
        frequency = torch.bincount(items, minlength=self.n_items).float()
        self.register_buffer("item_frequency", frequency, persistent=False)

    def calculate_loss(self, interaction):
        """The backbone's loss; in mode ``full`` the tuple ``(L_main, lambda * L_IaCN)``."""
        with self.item_tables.sharing():
            main = super().calculate_loss(self.with_history(interaction))
            main = main * parallel.share(len(interaction), parallel.total(len(interaction), main.device))
            if not self.reads_items:
                raise ConfigError(
                    f"{type(self).__name__}: {self.backbone.__name__} does not read its fields by embed_input_fields, "
                    "so neither history nor E_auxiliary reaches its score; let it call concat_embed_input_fields"
                )
            if self.iacn is None:
                return main
            losses = self.auxiliary_loss(interaction)
            if self.iacn.foresight is None:
                return main, self.iacn_lambda * losses
            weight = self.distillation_weight if self.epoch >= self.distillation_warmup else 0.0
            return main, self.iacn_lambda * losses[0], weight * losses[1]

    def load_state_dict(self, state_dict, *args, **kwargs):
        """As in PyTorch. A backbone that loads weights while it is built (KD_DAGFM's ``warm_up``) has no capsule yet:
        then the capsule's are left out."""
        if not hasattr(self, "iacn"):
            own = ("iacn.", "profile_embedding.")
            state_dict = {name: value for name, value in state_dict.items() if not name.startswith(own)}
        return super().load_state_dict(state_dict, *args, **kwargs)

    def predict(self, interaction):
        """The backbone's score of each row, shape (B,)."""
        return super().predict(self.with_history(interaction)).flatten()  # KD_DAGFM's is (B, 1)

    def auxiliary_loss(self, interaction):
        """``L_IaCN`` over the positive rows of a batch, whichever processes hold them; a scalar. With ``iacn_target:
        distilled`` a second one, what the teacher has to tell."""
        positive = interaction[self.LABEL_FIELD] > 0
        history = interaction[self.ITEM_SEQ][positive]
        own = interaction[self.POS_ITEM_ID][positive]
        targets = parallel.own_first(own)
        negatives = parallel.of_first(torch.randint(1, self.n_items, (self.iacn_negatives,), device=own.device))
        candidates = torch.cat([targets, negatives])
        behaviors, mask = self._auxiliary(history), history != 0
        state = None if self.iacn.foresight is None else self._state(interaction, behaviors, mask, positive)
        loss = self.iacn.loss(
            behaviors,
            mask,
            self._auxiliary(candidates),
            candidates,
            expected_log_count(self.item_frequency, candidates, len(targets), len(negatives)),
            self._profile(interaction[self.USER_ID][positive]),
            state,
        )
        share = parallel.share(len(own), len(targets))
        return loss * share if state is None else tuple(part * share for part in loss)

    def _state(self, interaction, behaviors, mask, rows):
        """What is known of the users of some rows: the backbone's state, or else the mean of their histories."""
        if hasattr(self, "user_state"):
            return self.user_state(interaction)[rows]
        real = mask.unsqueeze(2).to(behaviors.dtype)
        return (behaviors * real).sum(dim=1) / real.sum(dim=1).clamp_min(1)

    def foresee(self, interaction):
        """The user as the interest that is next has it: a vector to retrieve items with, by its product with their
        auxiliary embeddings.

        Args:
            interaction (recbole.data.interaction.Interaction): rows with a history.

        Returns:
            torch.Tensor: shape (B, D).

        Raises:
            ConfigError: the model was not trained with ``iacn_target: distilled``.
        """
        if self.iacn is None or self.iacn.foresight is None:
            raise ConfigError("iacn_target: only a model with iacn_target: distilled foresees an interest")
        history = interaction[self.ITEM_SEQ]
        behaviors, mask = self.item_tables.auxiliary(history), history != 0
        every = torch.ones(len(history), dtype=torch.bool, device=history.device)
        state = self._state(interaction, behaviors, mask, every)
        return self.iacn.foresee(behaviors, mask, state, self._profile(interaction[self.USER_ID]))[0]

    def interests_and_items(self, interaction):
        """What :func:`recbole_iacn.experiments.divergence.interest_divergence` compares, of a model with capsules.

        Returns:
            tuple: interests (B, K, D), their mask (B, K), and the function that embeds items.
        """
        history, embed = interaction[self.ITEM_SEQ], self.item_tables.auxiliary
        profile = self._profile(interaction[self.USER_ID])
        return *self.iacn.interests(embed(history), history != 0, profile), embed

    def couplings(self, interaction):
        """Which interest each behaviour of a history belongs to, as the trained capsules see it.

        Args:
            interaction (recbole.data.interaction.Interaction): rows with a history.

        Returns:
            torch.Tensor: couplings ``a_ij``, each real position's adding up to 1 over the interests, shape (B, L, K).

        Raises:
            ConfigError: the model has no capsules (``iacn_mode`` is not ``full``).
        """
        if self.iacn is None:
            raise ConfigError(
                f"iacn_mode: couplings need the capsules of mode full, this model's is {self.iacn_mode!r}"
            )
        history = interaction[self.ITEM_SEQ]
        return self.iacn.routing(self.item_tables.auxiliary(history), history != 0, return_couplings=True)[2]

    def _auxiliary(self, item_ids):
        return mix_gradient(self.item_tables.auxiliary(item_ids), 1 - self.iacn_delta)

    def _profile(self, user_ids):
        if not self.profile_fields:
            return None
        return torch.cat(
            [self.profile_embedding[name](ids[user_ids]) for name, ids in self.profile_fields.items()], dim=-1
        )

    def full_sort_predict(self, interaction):
        """Score every item for each row; see :func:`score_all`.

        Returns:
            torch.Tensor: shape (B, items), padding item included.
        """
        return score_all(self, interaction)


def _profile_tables(config, dataset):
    """An embedding table and the column of ids for every field of ``iacn_user_profile``."""
    users = dataset.get_user_feature()
    known = [name for name in users if dataset.field2type[name] is FeatureType.TOKEN]
    tables, columns = nn.ModuleDict(), {}
    for name in config["iacn_user_profile"] or []:
        if name not in known:
            raise ConfigError(
                f"iacn_user_profile: the user table has no token column {name!r}.{did_you_mean(name, known)} "
                f"Loaded columns: {', '.join(known)}; see load_col.user."
            )
        tables[name] = nn.Embedding(dataset.num(name), config["embedding_size"])
        nn.init.xavier_normal_(tables[name].weight)
        columns[name] = users[name].to(config["device"])
    return tables, columns
