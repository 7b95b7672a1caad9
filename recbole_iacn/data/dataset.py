"""A sequential dataset whose items have auxiliary columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from recbole.utils import FeatureSource, FeatureType

from recbole_iacn.data.history import HistoryDataset
from recbole_iacn.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from recbole.config import Config

AUXILIARY_SUFFIX = "_auxiliary"


class InterestAwareDataset(HistoryDataset):
    """A sequential dataset with windowed histories, and an alias column for each auxiliary embedding.

    ``E_auxiliary`` is one more item field: ``item_id_auxiliary`` repeats ``item_id`` (and ``<feature>_auxiliary``
    each field of ``iacn_item_features``), so that any backbone that embeds its item columns gives it a table and
    widens its layers automatically. With ``iacn_mode: off`` nothing is added.
    """

    item_feat: Any  # like inter_feat; None until it is created

    def __init__(self, config: Config) -> None:
        self.hidden_fields: frozenset[str] = frozenset()
        self.auxiliary_fields: frozenset[str] = frozenset()
        super().__init__(config)

    def _aug_presets(self):
        before = set(self.field2type)
        super()._aug_presets()
        self.hidden_fields |= set(self.field2type) - before

    def _benchmark_presets(self):
        super()._benchmark_presets()
        suffix = self.config["LIST_SUFFIX"]
        histories = {name for name in self.inter_feat if name.endswith(suffix)}
        self.hidden_fields |= histories | {self.item_list_length_field}

    def fields(self, ftype: Any = None, source: Any = None) -> list[str]:
        """As in RecBole, but a query by source, whose columns are embedded, returns no history column: the model reads
        histories itself, from the items' own tables."""
        names = super().fields(ftype, source)
        return names if source is None else [name for name in names if name not in self.hidden_fields]

    def _data_processing(self):
        super()._data_processing()
        if self.config["iacn_mode"] == "off":
            return
        self._ensure_item_feat()
        features, known = self.config["iacn_item_features"], self._item_features()
        for field in [self.iid_field, *(known if features == "all" else features or [])]:
            if field != self.iid_field and field not in known:
                raise ConfigError(
                    f"iacn_item_features: the item table has no token column {field!r}.{did_you_mean(field, known)} "
                    f"Loaded columns of tokens: {', '.join(known) or 'none'}; see load_col.item."
                )
            self._add_alias(field)

    def _ensure_item_feat(self):
        if self.item_feat is None:
            self.item_feat = pd.DataFrame({self.iid_field: np.arange(self.item_num)})
            self.feat_name_list.append("item_feat")

    def _item_features(self):
        """Token columns of the item table, except the item itself."""
        kinds = (FeatureType.TOKEN, FeatureType.TOKEN_SEQ)
        return [name for name in self.item_feat if self.field2type[name] in kinds and name != self.iid_field]

    def _add_alias(self, field):
        alias = field + AUXILIARY_SUFFIX
        self.item_feat[alias] = self.item_feat[field]
        self.set_field_property(alias, self.field2type[field], FeatureSource.ITEM, self.field2seqlen[field])
        self.field2id_token[alias] = self.field2id_token[field]
        self.field2token_id[alias] = self.field2token_id[field]
        self.auxiliary_fields |= {alias}
