"""Patches of RecBole's evaluation: metrics that need counts, and scores of all items for given users."""

import numpy as np

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.errors import ConfigError


def patch_collected(module):
    """Let the collector hold counts, which have no device, beside tensors.

    Args:
        module: ``recbole.evaluator.collector``.
    """

    @wrap(module.Collector, "get_data_struct")
    def get_data_struct(original, collector):
        held = collector.data_struct._data_dict
        counts = {name: value for name, value in held.items() if not hasattr(value, "cpu")}
        for name in counts:
            del held[name]
        collected = original(collector)
        for struct in (collector.data_struct, collected):
            struct._data_dict.update(counts)
        return collected


def patch_case_study(module):
    """Reject users for whom ``full_sort_scores``, and so ``full_sort_topk``, would return the rows of others.

    Args:
        module: ``recbole.utils.case_study``.
    """

    @wrap(module, "full_sort_scores")
    def full_sort_scores(original, uid_series, model, test_data, device=None):
        if test_data.is_sequential:
            _check_one_row_each(np.asarray(uid_series), test_data.dataset)
        elif not hasattr(test_data, "uid2history_item"):
            raise ConfigError(
                f"full_sort_scores: a {type(test_data).__name__} holds single items to score, not a user's past ones; "
                "set protocol: null and eval_args.mode: full for a loader that does"
            )
        return original(uid_series, model, test_data, device)


def _check_one_row_each(users, data):
    rows = np.bincount(data.inter_feat[data.uid_field].numpy(), minlength=int(users.max(initial=0)) + 1)[users]
    for wrong, what in ((rows == 0, "no row"), (rows > 1, "several rows")):
        if wrong.any():
            names = list(map(str, data.field2id_token[data.uid_field][np.unique(users[wrong])]))
            shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            raise ConfigError(
                f"full_sort_scores: the loader has {what} for {len(names)} of the users: {shown}. Each user needs one, "
                "whose history is scored; leave these users out"
            )
