"""Checks of names that the user may add: auxiliary tasks and extractors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import FAMILY_EXTRACTORS, TASK_EXTRACTORS, extractors, tasks


def check_extensions(config: Mapping[str, Any]) -> None:
    """Reject a task or an extractor that does not exist.

    Args:
        config: final settings.

    Raises:
        ConfigError: names the setting and the nearest known name.
    """
    asked = config.get("auxiliary_tasks")
    if asked is not None:
        if not isinstance(asked, list) or not asked or len(set(map(str, asked))) < len(asked):
            raise ConfigError(f"auxiliary_tasks: must be a list of different names, such as [iacn], got {asked!r}")
        for name in asked:
            if name not in tasks:
                raise ConfigError(f"auxiliary_tasks: there is no {name!r}.{did_you_mean(name, tasks)} {_known(tasks)}")
    for key, own in (("iacn_extractor", TASK_EXTRACTORS), ("extractor", FAMILY_EXTRACTORS)):
        name, known = config.get(key), {*own, *(name for name in extractors if name not in extractors.builtin)}
        if name is not None and name not in known:
            raise ConfigError(f"{key}: there is no {name!r}.{did_you_mean(name, known)} {_known(known)}")


def _known(names):
    return f"There are: {', '.join(sorted(names))}"
