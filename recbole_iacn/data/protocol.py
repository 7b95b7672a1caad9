"""Named evaluation protocols: which rows train, which test, and against which negatives.

A protocol is a config value (``protocol: leave_one_out_ctr``) that stands for a set of RecBole's own keys and for
loaders that draw negatives as the papers do. It works for RecBole's models as well, so that all models meet the
same test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbole_iacn.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from recbole.config import Config

NEGATIVES = 1000  # that a clicked item is ranked among, by default: as in the TiMiRec paper


@dataclass(frozen=True)
class Protocol:
    """One named protocol.

    Attributes:
        settings (dict): the RecBole keys that it fixes.
        one_row_a_user (bool): only a user's last item is a target, and the split is a random one of users.
        ranks_items (bool): the clicked item is ranked among others (RecBole's ``topk`` and ranking metrics); otherwise
            rows are scored (AUC). In training, a negative is then any item outside the user's training items; otherwise
            none of the user's items, those that test included.
        sampled (bool): ranked among ``eval_negatives`` fixed items; otherwise among all.
    """

    settings: dict[str, Any]
    one_row_a_user: bool = False
    ranks_items: bool = False
    sampled: bool = False


def _settings(split: dict[str, Any], group_by: str | None, distribution: str, **more: Any) -> dict[str, Any]:
    short = {"uniform": "uni1", "popularity": "pop1"}[distribution]
    return {
        "eval_args": {"split": split, "order": "TO", "group_by": group_by, "mode": {"valid": short, "test": short}},
        "repeatable": True,
        "threshold": None,  # every row is a click
        "train_neg_sample_args": {
            "distribution": distribution,
            "sample_num": 1,
            "alpha": 1.0,
            "dynamic": False,
            "candidate_num": 0,
        },
        **more,
    }


_LAST_TESTS: dict[str, Any] = {"split": {"LS": "valid_and_test"}, "group_by": "user", "distribution": "uniform"}

_RANKED = {
    "eval_args": {
        "split": _LAST_TESTS["split"],
        "order": "TO",
        "group_by": "user",
        "mode": {"valid": "full", "test": "full"},
    },
    "repeatable": True,
}

PROTOCOLS = {
    # Jaiswal & Xiong, RecSys '23: per user the last item tests, the one before validates, every earlier prefix
    # trains; one negative per positive, none of the user's own items.
    "leave_one_out_ctr": Protocol(_settings(**_LAST_TESTS)),
    # Zhou et al. (DIN), KDD '18, section 5.1, as IaCN uses it for Electronics: the same with the last 10 items. The
    # paper trains on the item before the last, too, and names no validation; here that item validates, so that the
    # test is not what stops the training.
    "din_electronics": Protocol(_settings(**_LAST_TESTS, MAX_ITEM_LIST_LENGTH=10)),
    # Zhou et al. (DIEN), AAAI '19, its published preparation, as IaCN uses it for Books: a user's last item from the
    # 20 before it; the negative drawn by how often items were reviewed; a tenth of the users tests. The paper names
    # no validation; here a tenth of the training users validates. It rejects the target alone; here no negative
    # is any of the user's own items.
    "dien_books": Protocol(
        _settings({"RS": [0.81, 0.09, 0.1]}, None, "popularity", MAX_ITEM_LIST_LENGTH=20), one_row_a_user=True
    ),
    # Wang et al. (TiMiRec), CIKM '22, table 2: the last item tests, the one before validates, every earlier prefix
    # trains; ranked among 1,000 items that are none of the user's, drawn once, with replacement.
    "leave_one_out_sampled": Protocol(_RANKED, ranks_items=True, sampled=True),
    # The same among all items (key mask_history: without those that the user has clicked before).
    "leave_one_out_full": Protocol(_RANKED, ranks_items=True),
}


def protocol_settings(name: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The RecBole keys that protocol ``name`` stands for.

    Args:
        name (str or None): a key of ``PROTOCOLS``; None stands for RecBole's own evaluation and gives nothing.
        given (dict): what the user set; it must not contradict the protocol.

    Returns:
        dict: settings to lay over RecBole's defaults.

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
    return {key: value.copy() if isinstance(value, dict) else value for key, value in settings.items()}


def one_row_a_user(config: Config) -> bool:
    """True if the run's protocol takes only a user's last item for a target and splits by users."""
    name = config["protocol"]
    return name is not None and PROTOCOLS[name].one_row_a_user


def ranks_items(config: Config) -> bool:
    """True if the run's protocol ranks the clicked item among others."""
    name = config["protocol"]
    return name is not None and PROTOCOLS[name].ranks_items


def is_sampled(config: Config) -> bool:
    """True if the run's protocol ranks the clicked item among ``eval_negatives`` fixed items."""
    name = config["protocol"]
    return name is not None and PROTOCOLS[name].sampled


def _agrees(given, fixed):
    if isinstance(fixed, dict):
        return isinstance(given, dict) and all(_agrees(given[key], fixed.get(key)) for key in given)
    return given == fixed
