"""Named evaluation protocols: which rows train, which test, and against which negatives.

A protocol is a config value (``protocol: leave_one_out_ctr``) that stands for a set of RecBole's own keys and for
loaders that draw negatives as the papers do. It works for RecBole's models as well, so that all models meet the
same test.
"""

from recbole_iacn.errors import ConfigError, did_you_mean

PROTOCOLS = {
    # Jaiswal & Xiong, RecSys '23, and Zhou et al. (DIN), KDD '18: per user the last item tests, the one before
    # validates, every earlier prefix trains; one negative per positive, none of the user's own items.
    "leave_one_out_ctr": {
        "eval_args": {
            "split": {"LS": "valid_and_test"},
            "order": "TO",
            "group_by": "user",
            "mode": {"valid": "uni1", "test": "uni1"},
        },
        "repeatable": True,
        "threshold": None,  # every row is a click
        "train_neg_sample_args": {
            "distribution": "uniform",
            "sample_num": 1,
            "alpha": 1.0,
            "dynamic": False,
            "candidate_num": 0,
        },
    },
}


def protocol_settings(name, given):
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
            f"Known: {', '.join(PROTOCOLS)}; null for RecBole's own eval_args."
        )
    settings = PROTOCOLS[name]
    clashes = [key for key in settings if key in given and not _agrees(given[key], settings[key])]
    if clashes:
        raise ConfigError(
            f"{clashes[0]}: protocol {name!r} fixes it to {settings[clashes[0]]}. "
            f"Leave {clashes[0]} out, or set protocol: null to choose it yourself."
        )
    return {key: value.copy() if isinstance(value, dict) else value for key, value in settings.items()}


def _agrees(given, fixed):
    if isinstance(fixed, dict):
        return isinstance(given, dict) and all(_agrees(given[key], fixed.get(key)) for key in given)
    return given == fixed
