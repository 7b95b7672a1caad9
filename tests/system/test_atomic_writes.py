"""A file or folder is the old one or the new one, and a failure leaves nothing behind."""

import os

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import atomic_writes
from recbole_iacn.system.atomic_writes import check_named, put_in_place, replacing, scratch, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_and_replaced(tmp_path):
    write_text(tmp_path / "a.txt", "one")
    write_text(str(tmp_path / "a.txt"), "zwei äöü")
    assert (tmp_path / "a.txt").read_bytes() == "zwei äöü".encode()
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_failure_leaves_the_old_one_alone(tmp_path, error, kind):
    target = tmp_path / "made"
    if kind == "folder":
        target.mkdir()
    (target / "x" if kind == "folder" else target).write_text("old")
    with pytest.raises(type(error)), replacing(target) as partial:
        if kind == "folder":
            partial.mkdir()
        (partial / "x" if kind == "folder" else partial).write_text("new")
        raise error
    assert (target / "x" if kind == "folder" else target).read_text() == "old"
    assert names(tmp_path) == ["made"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").write_text("old")
    with replacing(tmp_path / "made") as partial:
        (partial / "deep").mkdir(parents=True)
        (partial / "deep" / "new").write_text("new")
        assert names(tmp_path / "made") == ["old"]
    assert names(tmp_path) == ["made"] and names(tmp_path / "made") == ["deep"]


def test_a_folder_that_cannot_be_renamed_restores_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").write_text("old")
    rename = os.replace

    def fails_for_the_new_one(source, target):
        if ".partial-" in str(source):
            raise OSError("no rename")
        rename(source, target)

    monkeypatch.setattr(atomic_writes, "_exchanged", lambda *paths: False)
    monkeypatch.setattr(atomic_writes.os, "replace", fails_for_the_new_one)
    with pytest.raises(OSError, match="no rename"), replacing(tmp_path / "made") as partial:
        partial.mkdir()
    assert names(tmp_path) == ["made"] and names(tmp_path / "made") == ["old"]


def test_all_is_on_the_disk_before_it_is_renamed(tmp_path, monkeypatch):
    events, rename, synchronise = [], os.replace, os.fsync

    def fsync(descriptor):
        events.append(os.fstat(descriptor).st_ino)
        synchronise(descriptor)

    monkeypatch.setattr(atomic_writes.os, "fsync", fsync)
    monkeypatch.setattr(atomic_writes.os, "replace", lambda *paths: (events.append("rename"), rename(*paths)))
    with replacing(tmp_path / "made") as partial:
        (partial / "deep").mkdir(parents=True)
        (partial / "deep" / "file").write_text("text")
    inodes = {(tmp_path / "made" / name).stat().st_ino for name in ("deep", "deep/file")}
    assert set(events[: events.index("rename")]) == inodes
    assert events[-1] == tmp_path.stat().st_ino  # the folder that holds the new name, afterwards


def test_scratch_is_hidden_and_always_removed(tmp_path):
    with scratch(tmp_path / "x.csv") as partial:
        assert partial.name == "x.csv" and not partial.exists()
        assert partial.parent.parent == tmp_path and partial.parent.name.startswith(".x.csv.partial-")
        partial.mkdir()
        (partial / "a").write_text("a")
        put_in_place(partial / "a", tmp_path / "a")
    assert names(tmp_path) == ["a"]


def test_two_that_make_the_same_file_do_not_meet(tmp_path):
    with replacing(tmp_path / "x") as one, replacing(tmp_path / "x") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "x").read_text() == "one" and names(tmp_path) == ["x"]


def test_a_folder_is_there_at_every_moment_of_its_replacement(tmp_path, monkeypatch):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").write_text("")
    monkeypatch.setattr(atomic_writes.os, "replace", lambda *paths: pytest.fail("two renames"))
    with replacing(tmp_path / "made") as partial:
        partial.mkdir()
        (partial / "new").write_text("")
    assert names(tmp_path / "made") == ["new"] and names(tmp_path) == ["made"]


@pytest.mark.parametrize("replaced", [True, False], ids=["after the second rename", "between the renames"])
def test_a_kill_between_two_renames_is_mended_by_the_next(tmp_path, replaced):
    (tmp_path / ".made.before").mkdir()
    (tmp_path / ".made.before" / "old").write_text("")
    if replaced:
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "new").write_text("")
    with scratch(tmp_path / "made"):
        assert names(tmp_path / "made") == ["new" if replaced else "old"]
    assert names(tmp_path) == ["made"]


@pytest.mark.parametrize("path", ["", ".", "..", "a/..", "/"])
def test_a_place_is_no_name(path):
    with pytest.raises(ConfigError, match="is a place, and nothing can be made in its stead; name a file or folder"):
        check_named(path)
    with pytest.raises(ConfigError, match="is a place"), scratch(path):
        pass
