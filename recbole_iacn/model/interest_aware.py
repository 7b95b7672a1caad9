"""The mixin that makes a click-through-rate model interest-aware."""

import torch
from recbole.utils import FeatureType
from torch import nn

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.model.embedding import InterestAwareSeqEmbLayer
from recbole_iacn.nn import InterestAwareNetwork, mix_gradient


class InterestAware:
    """Gives a sequential RecBole model an auxiliary embedding and, in training, the capsule task.

    Stands before the backbone: ``class DIN_IaCN(InterestAware, DIN)``. The item embedding becomes
    ``E = E_original ⊕ E_auxiliary`` (concatenated: one more item field) and ``calculate_loss`` returns
    ``(L_main, lambda * L_IaCN)``; RecBole adds the parts. ``E_auxiliary`` receives the gradient
    ``(1 - delta) * g_IaCN + delta * g_main``. Scoring is the backbone's own: a trained model needs no capsule.

    ``iacn_mode``: ``off`` is the plain backbone, ``width`` has ``E_auxiliary`` without the capsule task (the honest
    control), ``full`` has both.

    Source: Jaiswal & Xiong, RecSys '23, section 2. All keys: ``properties/model/DIN_IaCN.yaml``.
    """

    loss_names = ("main", "iacn")

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        # Stock DIN hands its embedding layer, data set included, to the checkpoint, and on resume swaps in a
        # module that the optimizer does not hold. Its weights are in the state dict anyway.
        self.other_parameter_name = []
        self.iacn_mode = config["iacn_mode"]
        self.eval_batch_size = config["eval_batch_size"]
        full = self.iacn_mode == "full"
        self.iacn_lambda = config["iacn_lambda"]
        self.iacn_delta = config["iacn_delta"]
        self.iacn_negatives = config["iacn_negatives"]
        InterestAwareSeqEmbLayer.adopt(self.embedding_layer, main_weight=self.iacn_delta if full else 1.0)
        self.iacn = None
        if full:
            self._build_iacn(config, dataset)

    def _build_iacn(self, config, dataset):
        self.profile_embedding, self.profile_fields = _profile_tables(config, dataset)
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
        )
        clicked = dataset.inter_feat
        items = clicked[self.ITEM_ID]
        if self.LABEL_FIELD in clicked:
            items = items[clicked[self.LABEL_FIELD] > 0]
        frequency = torch.bincount(items, minlength=self.n_items).float()
        self.register_buffer("item_frequency", frequency, persistent=False)

    def calculate_loss(self, interaction):
        """The backbone's loss; in mode ``full`` the tuple ``(L_main, lambda * L_IaCN)``."""
        main = super().calculate_loss(interaction)
        if self.iacn is None:
            return main
        return main, self.iacn_lambda * self.auxiliary_loss(interaction)

    def auxiliary_loss(self, interaction):
        """``L_IaCN`` over the positive rows of a batch; a scalar."""
        positive = interaction[self.LABEL_FIELD] > 0
        history = interaction[self.ITEM_SEQ][positive]
        target_ids = interaction[self.POS_ITEM_ID][positive]
        negative_ids = torch.randint(1, self.n_items, (self.iacn_negatives,), device=target_ids.device)
        return self.iacn.loss(
            self._auxiliary(history),
            history != 0,
            self._auxiliary(target_ids),
            target_ids,
            self.item_frequency,
            self._auxiliary(negative_ids),
            negative_ids,
            self._profile(interaction[self.USER_ID][positive]),
        )

    def _auxiliary(self, item_ids):
        return mix_gradient(self.embedding_layer.auxiliary(item_ids), 1 - self.iacn_delta)

    def _profile(self, user_ids):
        if not self.profile_fields:
            return None
        return torch.cat(
            [self.profile_embedding[name](ids[user_ids]) for name, ids in self.profile_fields.items()], dim=-1
        )

    def full_sort_predict(self, interaction):
        """Score every item for each row, in chunks of ``eval_batch_size`` rows.

        Returns:
            torch.Tensor: shape (B, items), padding item included.
        """
        fields = [self.USER_ID, self.ITEM_SEQ, self.ITEM_SEQ_LEN]
        rows = type(interaction)({name: interaction[name] for name in fields})
        per_chunk = max(self.eval_batch_size // len(rows), 1)
        scores = []
        for items in torch.arange(self.n_items, device=interaction[self.USER_ID].device).split(per_chunk):
            candidates = rows.repeat_interleave(len(items))
            candidates[self.POS_ITEM_ID] = items.repeat(len(rows))
            scores.append(self.predict(candidates).view(len(rows), -1))
        return torch.cat(scores, dim=1)


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
