"""The module names of version 0.5."""

import importlib
import sys

import pytest

from recbole_iacn.bridge.moved import _MOVED, _PICKLED


@pytest.mark.parametrize("old", sorted(_MOVED))
def test_an_old_name_gives_the_current_module(old, monkeypatch, recwarn):
    monkeypatch.delitem(sys.modules, f"recbole_iacn.{old}", raising=False)
    module = importlib.import_module(f"recbole_iacn.{old}")
    assert module is importlib.import_module(f"recbole_iacn.{_MOVED[old]}")
    messages = [str(warning.message) for warning in recwarn if warning.category is DeprecationWarning]
    messages = [message for message in messages if "moved to recbole" in message]
    assert messages == ([] if old in _PICKLED else [f"recbole_iacn.{old} has moved to recbole_iacn.{_MOVED[old]}"])


def test_a_name_that_never_existed_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"named 'recbole_iacn\.trainers'"):
        importlib.import_module("recbole_iacn.trainers")
