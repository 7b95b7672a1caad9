"""Modules of version 0.5 by their names of then."""

import importlib
import sys

import pytest

from recbole_iacn.bridge.moved import _MOVED, _PICKLED


@pytest.mark.parametrize("old", sorted(_MOVED))
def test_an_old_name_is_the_module_of_today(old, monkeypatch, recwarn):
    monkeypatch.delitem(sys.modules, f"recbole_iacn.{old}", raising=False)
    module = importlib.import_module(f"recbole_iacn.{old}")
    assert module is importlib.import_module(f"recbole_iacn.{_MOVED[old]}")
    said = [
        str(one.message) for one in recwarn if one.category is DeprecationWarning and "is recbole" in str(one.message)
    ]
    assert said == ([] if old in _PICKLED else [f"recbole_iacn.{old} is recbole_iacn.{_MOVED[old]} now"])


def test_a_name_that_never_was_is_not_there():
    with pytest.raises(ModuleNotFoundError, match=r"named 'recbole_iacn\.trainers'"):
        importlib.import_module("recbole_iacn.trainers")
