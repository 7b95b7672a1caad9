"""One change in RecBole, as an entry of the table ``patches``.

It acts when the module of RecBole that it names is imported (see ``imports``), so importing this package imports
neither RecBole nor PyTorch; a module that is already imported is patched immediately.
"""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass

from recbole_iacn.bridge.imports import around_import

ALWAYS = "always"
BREAK = "where it breaks"  # ``condition`` names the function that detects the break
SETTING = "with a setting"  # ``condition`` names the setting
PROTOCOL = "under a protocol"


@dataclass(frozen=True)
class Patch:
    """One change.

    Attributes:
        module (str): the module of RecBole at whose import the patch acts.
        function (str): the function that makes the change, below ``recbole_iacn.bridge``.
        what (str): what is changed.
        why (str): what would happen otherwise.
        when (str): ``ALWAYS``, ``BREAK``, ``SETTING`` or ``PROTOCOL``.
        condition (str): with ``BREAK`` the function that detects the break, below ``recbole_iacn.bridge``; with
            ``SETTING`` the setting.
        issues (tuple of int): RecBole's issues and pull requests; empty if none is known.
    """

    module: str
    function: str
    what: str
    why: str
    when: str = ALWAYS
    condition: str = ""
    issues: tuple[int, ...] = ()

    def acts(self) -> bool | str:
        """Whether the patch changes anything on this machine; for a setting or a protocol, the condition as text."""
        if self.when == BREAK:
            return resolve(self.condition)()
        return True if self.when == ALWAYS else f"with {self.condition}" if self.when == SETTING else self.when

    def register(self) -> None:
        """Let the change act when its module is imported; a second call does nothing."""
        if self in _registered:
            return
        _registered.add(self)

        @around_import(self.module)
        def act():
            function = resolve(self.function)
            if inspect.isgeneratorfunction(function):
                yield from function()
            else:
                function((yield))


_registered: set[Patch] = set()


def resolve(function: str) -> Callable:
    """The function of that name below ``recbole_iacn.bridge``."""
    place, _, name = function.rpartition(".")
    return getattr(importlib.import_module(f"recbole_iacn.bridge.{place}"), name)
