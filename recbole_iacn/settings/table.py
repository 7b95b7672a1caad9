"""The groups of settings, their owners, and which of them a model takes its defaults from."""

import functools
from collections.abc import Container, Iterable
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.names import FAMILY, FLOORS
from recbole_iacn.settings import family, general, iacn, recbole_backbones, recbole_data, recbole_run
from recbole_iacn.settings.group import Group, Setting, check_group, defaults, settings_of
from recbole_iacn.settings.recbole_keys import recbole_keys

OWNER = "recbole_iacn's"

# A file of defaults in properties/ -> its groups. A later group overrides an earlier one.
FILES: dict[str, tuple[type[Group], ...]] = {
    "IaCN": (iacn.TaskProtocol, iacn.Task, iacn.Fields, iacn.Speed),
    "MultiInterest": (family.RankingProtocol, family.RankingLoss, family.Training, family.MultiInterest),
    "YouTubeDNN": (),
    "MIND": (family.MIND,),
    "ComiRec": (family.ComiRec,),
    "ComiRecPlus": (family.Plus,),
    "REMI": (family.ComiRec, family.REMI),
    "Re4": (family.ComiRec, family.Re4),
    "TiSASRec": (family.TiSASRec,),
    "ESASRec": (family.ESASRec,),
    "TiMiRec": (family.TiMiRec, family.Distilled),
    "TiMiRecPlus": (family.Plus, family.Distilled),
    "Floors": (family.RankingProtocol, family.Counting),
}

# RecBole's own settings: the values that they accept. Their defaults are RecBole's.
RECBOLE = (
    recbole_run.Environment,
    recbole_run.Training,
    recbole_run.Evaluation,
    recbole_data.Data,
    recbole_backbones.Backbones,
    recbole_backbones.KDDAGFM,
    recbole_backbones.TwoPenalties,
    recbole_backbones.CDAE,
)

added: dict[str, type[Group]] = {}  # owner -> the user's group; see :func:`add`


def add(group: type[Group], owner: str) -> None:
    """Add the settings of a model or a task of one's own: they are then known, checked and have defaults.

    Args:
        group (type): subclass of :class:`~recbole_iacn.settings.group.Group`; every setting has a default.
        owner (str): who defines it, for messages: "task 'x'". A second call for an owner replaces the first.

    Raises:
        ConfigError: a name that exists already; a default outside its range.
    """
    check_group(group, owner)
    for one in settings_of(group, owner):
        whose = owner_of(one.key, but={owner, *(name for name, held in added.items() if held is group)})
        if whose:
            raise ConfigError(f"{owner}: setting {one.key!r} exists already ({whose})")
    added[owner] = group


def add_of(model_class: type) -> None:
    """:func:`add` the attribute ``settings`` of a model class and of each of the user's classes that it derives from.

    Args:
        model_class (type): a model; nothing happens where its line has no settings.

    Raises:
        ConfigError: as :func:`add`.
    """
    for base in reversed(model_class.__mro__):
        own = vars(base).get("settings")
        if own is not None and not base.__module__.startswith(("recbole.", "recbole_iacn.", "torch.")):
            add(own, f"model {base.__name__!r}")


def owner_of(key: str, but: Container[str] = ()) -> str | None:
    """Whose setting ``key`` is: ``recbole_iacn's``, ``RecBole's`` or an owner's name; None if there is no such setting.

    Args:
        key (str): name of a setting.
        but (container of str): owners to ignore.
    """
    for owner, group in added.items():
        if owner not in but and key in group.model_fields:
            return owner
    if key in recbole_keys():
        return "RecBole's"
    return OWNER if key in _homes() else None


def own_groups(model_class: type) -> tuple[type[Group], ...]:
    """The groups that a model of this package takes its defaults from; a later one overrides an earlier one.

    Args:
        model_class (type): its class; a class of the user's has the settings of its nearest ancestor in the family.

    Returns:
        tuple of type: empty for RecBole's own models.
    """
    if hasattr(model_class, "backbone"):
        return FILES["IaCN"]
    if not hasattr(model_class, "dataset_class"):
        return ()
    if any(base.__name__ in FLOORS for base in model_class.__mro__):
        return FILES["Floors"]
    kin = next((base.__name__ for base in model_class.__mro__ if base.__name__ in FAMILY), None)
    return (*FILES["MultiInterest"], *FILES.get(str(kin), ()))


def added_groups(model_class: type, tasks: Any = None) -> tuple[type[Group], ...]:
    """The groups of the user's that a model reads: those of its class and its ancestors, and of the tasks it has.

    Args:
        model_class (type): its class.
        tasks (list of str, optional): ``auxiliary_tasks``, where it is given; only interest-aware models have any.
    """
    owners = [f"model {base.__name__!r}" for base in reversed(model_class.__mro__)]
    if hasattr(model_class, "backbone") and isinstance(tasks, list):
        owners += [f"task {name!r}" for name in tasks]
    return tuple(added[owner] for owner in owners if owner in added)


def homes(key: str) -> tuple[str, ...]:
    """Who reads a setting of this package's or the user's: names of models and owners; empty for one that any may read.

    Args:
        key (str): its name.
    """
    owners = [owner for owner, group in added.items() if key in group.model_fields]
    if key in recbole_keys() or key in general.General.model_fields:
        return ()
    files = [name for name, groups in FILES.items() if any(key in group.model_fields for group in groups)]
    words = {"IaCN": "<Backbone>_IaCN", "MultiInterest": "the multi-interest family", "Floors": "the floors"}
    return (*owners, *(words.get(name, name) for name in files))


def defaults_of(name: str) -> dict[str, Any]:
    """The defaults of a file: ``IaCN`` for every interest-aware model, ``MultiInterest`` for the family.

    Args:
        name (str): a key of :data:`FILES`.

    Returns:
        dict: key to default.
    """
    return {key: value for group in FILES[name] for key, value in defaults(group).items()}


def setting(key: str, names: Iterable[str] = ()) -> Setting | None:
    """The setting of that name.

    Args:
        key (str): its name.
        names (iterable of str): of the model and its ancestors, for settings that one backbone reads in its own way.

    Returns:
        Setting or None: None if there is no such setting, or one of RecBole's that no model here reads.
    """
    for owner, group in added.items():
        if key in group.model_fields:
            return next(one for one in settings_of(group, owner) if one.key == key)
    homes = _homes().get(key, ())
    return next((one for models, one in homes if not models or not set(models).isdisjoint(names)), None)


def own_setting(key: str, model_class: type) -> Setting | None:
    """The setting of that name as a model of this package defines it; None if it has no definition of its own.

    Args:
        key (str): its name.
        model_class (type): its class.
    """
    groups = [group for group in own_groups(model_class) if key in group.model_fields]
    return next((one for one in settings_of(groups[-1], OWNER) if one.key == key), None) if groups else None


def keys_of(group: type) -> set[str]:
    """The names of a group's settings."""
    return set(getattr(group, "model_fields", ()))


def keys() -> set[str]:
    """All names that are defined here, including the user's."""
    return {*_homes(), *(key for group in added.values() for key in group.model_fields)}


@functools.cache
def _homes():
    """Key -> (models, setting) of each group that has it; a group of some backbones alone before one of all."""
    groups: list[tuple[type[Group], str]] = [*((group, "RecBole's") for group in RECBOLE), (general.General, OWNER)]
    groups += [(group, OWNER) for several in FILES.values() for group in several]
    homes: dict[str, list[Any]] = {}
    for group, owner in sorted(groups, key=lambda pair: not pair[0].models):
        for one in settings_of(group, owner):
            homes.setdefault(one.key, []).append((group.models, one))
    return homes
