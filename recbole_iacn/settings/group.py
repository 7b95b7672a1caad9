"""A group of settings: a class whose fields are settings, each a typed line with its meaning under it."""

import copy
import functools
from dataclasses import dataclass
from typing import Any, ClassVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError

from recbole_iacn.errors import ConfigError
from recbole_iacn.settings import kinds, wording


class Group(BaseModel):
    """Settings that belong together. A subclass defines each in one line, with the meaning in the text under it:

        class Speed(Group):
            tf32: bool = False
            '''Let a GPU round the factors of float32 products to 10 bits.'''

    A setting without a default belongs to RecBole, which defines the default. The class's docstring is the head of the
    group in the YAML file and in the documentation.

    Attributes:
        models (tuple of str): the only backbones that read the settings in this way; empty (default): all.
    """

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=(), arbitrary_types_allowed=True)
    models: ClassVar[tuple] = ()


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        key (str): its name.
        kind: its type hint, see :mod:`recbole_iacn.settings.kinds`.
        default: its default; ``...`` if RecBole has it.
        text (str): its meaning.
        owner (str): who defines it, for messages.
    """

    key: str
    kind: Any
    default: Any
    text: str
    owner: str

    @functools.cached_property
    def _adapter(self):
        return wording.adapter(self.kind)

    def check(self, value: Any) -> None:
        """Reject a value of the wrong type or outside the range.

        Raises:
            ConfigError: names the key, what it must be, and the value.
        """
        try:
            self._adapter.validate_python(wording.plain(value))
        except ValidationError:
            raise ConfigError(wording.complaint(self.key, self.kind, wording.plain(value))) from None

    @property
    def words(self) -> str:
        """What it must be, as text: 'a number in [0, 1]'."""
        return wording.words(self.kind)

    @property
    def paper(self) -> Any:
        """The papers' value, as text; None if they name none."""
        _, marks = wording.unwrap(self.kind)
        return next((mark.value for mark in marks if isinstance(mark, kinds.Paper)), None)


@functools.cache
def settings_of(group: type[Group], owner: str = "recbole_iacn's") -> tuple[Setting, ...]:
    """The settings of a group, in order.

    Args:
        group (type): subclass of :class:`Group`.
        owner (str): who defines it.

    Returns:
        tuple of Setting
    """
    hints = get_type_hints(group, include_extras=True)
    return tuple(
        Setting(
            key,
            hints[key],
            ... if field.is_required() else field.default,
            " ".join((field.description or "").split()),
            owner,
        )
        for key, field in group.model_fields.items()
    )


def defaults(group: type[Group]) -> dict[str, Any]:
    """The defaults of a group.

    Args:
        group (type): subclass of :class:`Group`.

    Returns:
        dict: key to default, a fresh copy; without settings that have no default.
    """
    return {one.key: copy.deepcopy(one.default) for one in settings_of(group) if one.default is not ...}


def check_group(group: Any, owner: str) -> None:
    """Reject a group that cannot be checked or read.

    Args:
        group (type): the value given as a group.
        owner (str): who defines it.

    Raises:
        ConfigError: not a group, a type that pydantic cannot check, a default outside its own range.
    """
    if not (isinstance(group, type) and issubclass(group, Group)):
        raise ConfigError(f"{owner}: settings must be a subclass of recbole_iacn.settings.Group, got {group!r}")
    for one in settings_of(group, owner):
        if one.default is ...:
            raise ConfigError(f"{owner}: setting {one.key!r} has no default; add one, such as {one.key}: int = 1")
        try:
            one.check(one.default)
        except ConfigError as error:
            raise ConfigError(f"{owner}: the default of {error}") from None
