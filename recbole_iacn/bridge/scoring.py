"""Patches of RecBole's evaluation: metrics that need counts, and scores of all items for given users."""

import numpy as np

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.data.score_blocks import rows_at_once
from recbole_iacn.errors import ConfigError

_RECOMMENDER = (
    "to recommend by histories of your own, save a bundle: training.save(DIR), and then "
    "recbole_iacn.load(DIR).recommend(histories)"
)


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
    """Let ``full_sort_scores``, and so ``full_sort_topk``, answer for the users that were asked, in their order.

    For a sequential model what is scored comes after the newest click: the history has the click that the newest row of
    the loader asks for, and RecBole's lacks it. No evaluation uses these functions.

    Args:
        module: ``recbole.utils.case_study``.
    """

    @wrap(module, "full_sort_scores")
    def full_sort_scores(original, uid_series, model, test_data, device=None):
        users = _internal_ids(uid_series, test_data.dataset)
        _check_answerable(users, model, test_data)
        if test_data.is_sequential:
            return _scores_of_what_comes_next(users, model, test_data, device)
        _know_all_histories(users, test_data)
        return original(users, model, test_data, device)

    @wrap(module, "full_sort_topk")
    def full_sort_topk(original, uid_series, model, test_data, k, device=None):
        most = test_data.dataset.item_num - 1
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 0 < k <= most:
            raise ConfigError(f"full_sort_topk: k must be from 1 to {most}, the number of items, got {k!r}")
        import torch

        users = _internal_ids(uid_series, test_data.dataset)
        _check_answerable(users, model, test_data)  # all users, before any is scored
        at_once = rows_at_once(most, device or "cpu", tables=2)
        parts = [original(users[n : n + at_once], model, test_data, k, device) for n in range(0, len(users), at_once)]
        return torch.return_types.topk(tuple(map(torch.cat, zip(*parts))))


def _internal_ids(uid_series, data):
    users = np.asarray(uid_series)
    if not users.size:
        raise ConfigError("full_sort_scores: there are no users; pass the internal ids of at least one")
    within = users.dtype.kind in "iu" and users.ndim == 1 and users.min() > 0 and users.max() < data.user_num
    if not within:
        raise ConfigError(
            f"full_sort_scores: users must be a list of internal ids from 1 to {data.user_num - 1}; "
            f"dataset.token2id({data.uid_field!r}, …) has them of tokens"
        )
    return users.astype(np.int64)


def _check_answerable(users, model, loader):
    if loader.is_sequential:
        _check_rows(users, loader.dataset)
    else:
        _check_can_rank(model, loader)


def _check_rows(users, data):
    if not len(data.inter_feat):
        raise ConfigError(f"full_sort_scores: the loader has no rows, and so no histories; {_RECOMMENDER}")
    missing = users[np.bincount(data.inter_feat[data.uid_field].numpy(), minlength=data.user_num)[users] == 0]
    if len(missing):
        names = list(map(str, data.field2id_token[data.uid_field][np.unique(missing)]))
        shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise ConfigError(
            f"full_sort_scores: the loader has no row for {len(names)} of the users: {shown}; leave them out, or, "
            f"{_RECOMMENDER}"
        )


def _check_can_rank(model, loader):
    """Reject what ends in a traceback: a loader of single items, and a model that reads columns of a row."""
    if not hasattr(loader, "uid2history_item"):
        raise ConfigError(
            f"full_sort_scores: a {type(loader).__name__} holds single items to score, not a user's past ones; "
            f"set protocol: null and eval_args.mode: full for a loader that does; or, {_RECOMMENDER}"
        )
    data = loader.dataset
    kinds = ("token_field_names", "float_field_names", "token_seq_field_names", "float_seq_field_names")
    read = {str(name) for kind in kinds for name in getattr(model, kind, None) or ()}
    unknown = sorted(read - {data.uid_field, *(data.user_feat or ()), *data.get_item_feature()})
    if unknown:
        raise ConfigError(
            f"full_sort_scores: {type(model).__name__} reads {', '.join(unknown)}, which only a row has; {_RECOMMENDER}"
        )


def _know_all_histories(users, loader):
    """Users without a test row have a history, too: all items that are known of them. RecBole ends in a traceback."""
    import torch

    for user in users:
        if loader.uid2history_item[user] is None:
            used = sorted(loader._sampler.used_ids[user])
            loader.uid2history_item[user] = torch.tensor(used, dtype=torch.int64)


def _scores_of_what_comes_next(users, model, loader, device):
    import torch

    from recbole_iacn.data.newest import newest_rows
    from recbole_iacn.model.click.full_sort import score_pairs

    data, device = loader.dataset, device or torch.device("cpu")
    model.eval()
    scores = torch.empty(len(users), data.item_num, device=device)
    at_once = rows_at_once(data.item_num, device, tables=2)
    with torch.no_grad():
        for begin in range(0, len(users), at_once):
            rows = newest_rows(data, users[begin : begin + at_once]).to(device)
            try:
                found = model.full_sort_predict(rows).view(len(rows), -1)
            except NotImplementedError:
                items = torch.arange(data.item_num, device=device).expand(len(rows), -1)
                columns = data.get_item_feature().to(device)
                found = score_pairs(model.predict, rows, items, columns, loader.config["eval_batch_size"])
            scores[begin : begin + at_once] = found
    scores[:, 0] = -np.inf
    return scores
