"""Named evaluation protocols: which rows train, which test, and against which negatives.

A protocol is a config value (``protocol: leave_one_out_ctr``) that stands for a set of RecBole's own keys and for
loaders that draw negatives as the papers do. It works for RecBole's models as well, so that all models have the
same test.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import Named

if TYPE_CHECKING:
    from recbole.config import Config

NEGATIVES = 1000  # that a clicked item is ranked among, by default: as in the TiMiRec paper


@dataclass(frozen=True)
class Protocol:
    """One named protocol.

    Attributes:
        settings (dict): the RecBole keys that it fixes.
        one_row_per_user (bool): only a user's last item is a target, and users are split at random.
        ranks_items (bool): the clicked item is ranked among others (RecBole's ``topk`` and ranking metrics); otherwise
            rows are scored (AUC). In training, a negative is then any item outside the user's training items; otherwise
            any item outside all of the user's items, including those of the test.
        sampled (bool): ranked among ``eval_negatives`` fixed items; otherwise among all.
        labelled (bool): rows have labels and are scored by them; nothing is drawn. In all other protocols every row is
            a click, and rows with label 0 are left out.
        defaults (dict): further keys that it sets, unless the user does.
    """

    settings: dict[str, Any]
    one_row_per_user: bool = False
    ranks_items: bool = False
    sampled: bool = False
    labelled: bool = False
    defaults: dict[str, Any] = field(default_factory=lambda: {"threshold": None})

    @classmethod
    def scored(
        cls,
        split: dict[str, Any],
        group_by: str | None = "user",
        negatives: str = "uniform",
        one_row_per_user: bool = False,
        **settings: Any,
    ) -> Protocol:
        """Every row is a click with one negative; metrics are AUC and the like.

        Args:
            split: RecBole's, such as ``{"LS": "valid_and_test"}`` or ``{"RS": [0.8, 0.1, 0.1]}``, in the order of time.
            group_by: ``user``, or None to split all rows together.
            negatives: how they are drawn, ``uniform`` or ``popularity``.
            one_row_per_user: see the attribute.
            **settings: further keys that the protocol fixes.
        """
        if "LS" in split and (group_by != "user" or one_row_per_user):
            raise ConfigError("split: LS takes each user's last rows; it needs group_by='user' and a user's every row")
        if negatives not in _SHORT:
            raise ConfigError(f"negatives: must be {' or '.join(_SHORT)}, got {negatives!r}")
        mode = dict.fromkeys(("valid", "test"), _SHORT[negatives])
        fixed = {
            "eval_args": {"split": split, "order": "TO", "group_by": group_by, "mode": mode},
            "repeatable": True,
            "train_neg_sample_args": {
                "distribution": negatives,
                "sample_num": 1,
                "alpha": 1.0,
                "dynamic": False,
                "candidate_num": 0,
            },
        }
        return cls({**fixed, **settings}, one_row_per_user=one_row_per_user)

    @classmethod
    def ranked(
        cls, split: dict[str, Any], group_by: str | None = "user", sampled: bool = False, **settings: Any
    ) -> Protocol:
        """The clicked item is ranked among others; metrics are Recall, NDCG and the like. For sequential models.

        Args:
            split, group_by, **settings: as in :meth:`scored`.
            sampled: among ``eval_negatives`` fixed items; by default among all.
        """
        mode = {"valid": "full", "test": "full"}
        eval_args = {"split": split, "order": "TO", "group_by": group_by, "mode": mode}
        return cls({"eval_args": eval_args, "repeatable": True, **settings}, ranks_items=True, sampled=sampled)

    @classmethod
    def shown(cls, **settings: Any) -> Protocol:
        """Rows are what was shown, and are scored by their labels; metrics are AUC and the like.

        One split by time for all users: the setting ``time_shares``. Rows of the same time stay in one part. Every row
        is a row of training or of a test, also that of a user without an earlier click.

        Args:
            **settings: further keys that the protocol fixes.
        """
        mode = {"valid": "labeled", "test": "labeled"}
        # The split is made by time_shares; RecBole only has to split all rows together, in the order of time.
        eval_args = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": None, "mode": mode}
        defaults = {"threshold": None, "metrics": ["AUC", "GAUC", "LogLoss"], "valid_metric": "AUC"}
        return cls({"eval_args": eval_args, "repeatable": True, **settings}, labelled=True, defaults=defaults)


_SHORT = {"uniform": "uni1", "popularity": "pop1"}  # RecBole's names for one negative
_LAST_TESTS = {"LS": "valid_and_test"}

PROTOCOLS = Named(
    "add_protocol",
    {
        # Jaiswal & Xiong, RecSys '23: per user the last item is for the test, the one before for validation, every
        # earlier prefix for training; one negative per positive, from outside the user's own items.
        "leave_one_out_ctr": Protocol.scored(_LAST_TESTS),
        # Zhou et al. (DIN), KDD '18, section 5.1, as IaCN uses it for Electronics: the same with the last 10 items. The
        # paper also trains on the item before the last and names no validation; here that item is for validation, so
        # that training is not stopped by the test.
        "din_electronics": Protocol.scored(_LAST_TESTS, MAX_ITEM_LIST_LENGTH=10),
        # Zhou et al. (DIEN), AAAI '19, its published preparation, as IaCN uses it for Books: a user's last item from
        # the 20 before it; the negative drawn by how often items were reviewed; a tenth of the users tests. The
        # paper names no validation; here it is a tenth of the training users. The paper's negatives exclude the target
        # only; here they exclude all of the user's own items.
        "dien_books": Protocol.scored(
            {"RS": [0.81, 0.09, 0.1]}, None, "popularity", one_row_per_user=True, MAX_ITEM_LIST_LENGTH=20
        ),
        # Wang et al. (TiMiRec), CIKM '22, table 2: the last item is for the test, the one before for validation, every
        # earlier prefix for training; ranked among 1,000 items outside the user's own, drawn once, with replacement.
        "leave_one_out_sampled": Protocol.ranked(_LAST_TESTS, sampled=True),
        # The same among all items (key mask_history: except those that the user has clicked before).
        "leave_one_out_full": Protocol.ranked(_LAST_TESTS),
        # A log of what was shown, with labels: one split by time, as click-through rates are tested in practice.
        "impressions_by_time": Protocol.shown(),
    },
)


def add_protocol(name: str, protocol: Protocol) -> Protocol:
    """Register a protocol under a name for the setting ``protocol``, in this process, for every model.

    Args:
        name: an identifier.
        protocol: what it stands for, best made by :meth:`Protocol.scored` or :meth:`Protocol.ranked`.

    Returns:
        The protocol.

    Raises:
        ConfigError: it is not a protocol, or the name is taken.
    """
    if not isinstance(protocol, Protocol):
        raise ConfigError(f"add_protocol: {name}: {protocol!r} is not a recbole_iacn.Protocol")
    PROTOCOLS.add(name, protocol)
    return protocol


def protocol_settings(name: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The RecBole keys that protocol ``name`` stands for.

    Args:
        name (str or None): a key of ``PROTOCOLS``; None stands for RecBole's own evaluation and gives nothing.
        given (dict): what the user set; it must not contradict the protocol.

    Returns:
        dict: settings that override RecBole's defaults.

    Raises:
        ConfigError: unknown name, or a key given that the protocol fixes to another value.
    """
    if name is None:
        return {}
    if name not in PROTOCOLS:
        raise ConfigError(
            f"protocol: there is no {name!r}.{did_you_mean(name, PROTOCOLS)} "
            f"Known: {', '.join(PROTOCOLS)}; None (YAML: ~) for RecBole's own eval_args."
        )
    settings = PROTOCOLS[name].settings
    clashes = [key for key in settings if key in given and not _agrees(given[key], settings[key])]
    if clashes:
        raise ConfigError(
            f"{clashes[0]}: protocol {name!r} fixes it to {settings[clashes[0]]}. "
            f"Leave {clashes[0]} out, or set protocol: null to choose it yourself."
        )
    defaults = {key: value for key, value in PROTOCOLS[name].defaults.items() if key not in given}
    return copy.deepcopy({**defaults, **settings})


def metric_defaults(name: str, probabilities: bool) -> dict[str, Any]:
    """What a protocol measures where neither the user nor the model's own defaults name a metric that it can measure.

    Args:
        name: a key of ``PROTOCOLS``.
        probabilities: whether the model's scores are probabilities, so that LogLoss applies.

    Returns:
        dict: the RecBole keys.
    """
    if PROTOCOLS[name].ranks_items:
        return {"metrics": ["Hit", "NDCG"], "topk": [5, 10, 20], "valid_metric": "NDCG@5"}
    return {"metrics": ["AUC", "GAUC", *(["LogLoss"] if probabilities else [])], "valid_metric": "AUC"}


def one_row_per_user(config: Config) -> bool:
    """True if the run's protocol has only a user's last item as a target and splits by users."""
    return _asks(config, "one_row_per_user")


def ranks_items(config: Config) -> bool:
    """True if the run's protocol ranks the clicked item among others."""
    return _asks(config, "ranks_items")


def is_sampled(config: Config) -> bool:
    """True if the run's protocol ranks the clicked item among ``eval_negatives`` fixed items."""
    return _asks(config, "sampled")


def is_labelled(config: Config) -> bool:
    """True if the run's protocol scores rows by their labels."""
    return _asks(config, "labelled")


def _asks(config, attribute):
    name = config["protocol"]
    return name is not None and bool(getattr(PROTOCOLS[name], attribute))


def _agrees(given, fixed):
    if isinstance(fixed, dict):
        return isinstance(given, dict) and all(_agrees(given[key], fixed.get(key)) for key in given)
    return given == fixed
