"""What a disk refuses is one line that names the place."""

import errno
import os
from pathlib import Path

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk


def test_a_full_disk_is_named_with_its_space(tmp_path):
    free = disk.free_space(tmp_path)
    with pytest.raises(ConfigError) as error, disk.writing(tmp_path / "x", "name another (--out)"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(error.value).startswith(f"{tmp_path / 'x'}: cannot be written (No space left on device, ")
    assert str(error.value).endswith(" MB are free); name another (--out)")
    assert free > 0


def test_another_reason_needs_no_space(tmp_path):
    (tmp_path / "x").write_text("")
    place = tmp_path / "x" / "y"
    line = r"x/y: cannot be written \(Not a directory\); name another place"
    with pytest.raises(ConfigError, match=line), disk.writing(place):
        place.mkdir()


def test_a_closed_pipe_is_not_a_disk(tmp_path):
    with pytest.raises(BrokenPipeError), disk.writing(tmp_path):
        raise BrokenPipeError


def test_the_space_of_what_is_not_there_is_that_of_its_nearest_folder(tmp_path):
    (tmp_path / "file").write_text("")
    assert disk.free_space(tmp_path / "no" / "such" / "folder") > 0
    assert disk.free_space(tmp_path / "file" / "below") > 0


@pytest.mark.parametrize(
    "raised, words",
    [
        (OSError("100000 requested and 109 written"), "100000 requested and 109 written, "),  # NumPy's tofile
        (OSError(28, "Error writing bytes to file. Detail: [errno 28] No space"), "No space left on device, "),  # Arrow
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"), "unexpected pos"),
    ],
)
def test_the_errors_of_packages_are_understood(tmp_path, raised, words):
    with pytest.raises(ConfigError) as error, disk.writing(tmp_path):
        raise raised
    assert str(error.value).startswith(f"{tmp_path}: cannot be written (") and words in str(error.value)
    assert str(error.value).endswith("); name another place")


def test_what_a_file_object_met_is_told_rather_than_what_pytorch_made_of_it(tmp_path):
    torch = pytest.importorskip("torch")

    class Full:
        def write(self, content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def flush(self):
            pass

    with pytest.raises(ConfigError, match=r"\(No space left on device, .* MB are free\)"), disk.writing(tmp_path):
        torch.save(torch.zeros(10_000), Full())


def test_duckdb_sqlite_and_safetensors_are_understood(tmp_path):
    import sqlite3

    duckdb = pytest.importorskip("duckdb")
    safetensors = pytest.importorskip("safetensors")
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "below"
    refused = [
        duckdb.IOException('IO Error: Could not write file "x": No space left on device'),
        duckdb.TransactionException('TransactionContext Error: Failed to commit: Could not write file "x.wal"'),
        duckdb.OutOfMemoryException("Out of Memory Error: failed to offload data block of size 128.0 KiB"),
        safetensors.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        sqlite3.OperationalError("database or disk is full"),
    ]
    for error in refused:
        assert disk.refused(error) and " MB are free" in disk.reason(error, tmp_path), error
    with pytest.raises(duckdb.Error) as found:
        duckdb.connect(str(below))
    assert disk.refused(found.value)
    with pytest.raises(sqlite3.OperationalError) as found:
        sqlite3.connect(below)
    assert disk.refused(found.value)


def test_other_errors_stay_what_they_are(tmp_path):
    others = [RuntimeError("shapes differ"), KeyError("x"), FileNotFoundError(2, "No such"), ValueError("disk is full")]
    assert not any(map(disk.refused, others))
    with pytest.raises(RuntimeError, match="shapes differ"), disk.writing(tmp_path):
        raise RuntimeError("shapes differ")


def test_a_file_that_is_read_meanwhile_is_not_the_place(tmp_path):
    with pytest.raises(ConfigError) as error, disk.writing(tmp_path / "out" / "made"):
        (tmp_path / "events.csv").read_bytes()
    assert str(error.value) == f"{tmp_path / 'events.csv'}: No such file or directory"
    for own in (tmp_path / "out", tmp_path / "out" / ".made.partial-1" / "x", tmp_path / "out" / "made.part"):
        with pytest.raises(ConfigError, match="made: cannot be written"), disk.writing(tmp_path / "out" / "made"):
            own.read_bytes()


@pytest.mark.parametrize("within", [False, True])
def test_a_place_is_tried_and_left_as_it_was(tmp_path, within):
    (tmp_path / "there").mkdir()
    disk.check(tmp_path / "there", within=within)
    disk.check(tmp_path / "new" / "deep", within=within)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_place_that_is_something_else_is_rejected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("link").symlink_to("nowhere")
    for place, within, what in (
        ("file/x", False, "file is a file"),
        ("file", True, "file is a file"),
        ("link", False, "link is a link to nothing"),
        ("link/x", True, "link is a link to nothing"),
        ("n" * 300, False, "File name too long"),
        ("a/" + "n" * 300 + "/b", False, "File name too long"),
        ("n" * 250, False, "File name too long"),  # as its hidden folder has a longer one
        ("/".join(["n" * 200] * 30), False, "File name too long"),
    ):
        with pytest.raises(ConfigError) as error:
            disk.check(place, "name another (--out)", within)
        assert str(error.value).endswith(f": cannot be written ({what}); name another (--out)")
    assert sorted(os.listdir()) == ["file", "link"]


def test_a_disk_without_room_for_a_block_is_rejected(tmp_path):
    from faults.small_disks import in_child, limit_files

    def rejected():
        limit_files(1000)
        with pytest.raises(ConfigError) as error:
            disk.check(tmp_path / "made")
        return str(error.value)

    line, _ = in_child(rejected)
    assert line == f"{tmp_path / 'made'}: cannot be written (File too large); name another place"
    assert os.listdir(tmp_path) == []


def test_what_is_not_a_file_is_named_before_it_is_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe"), os.mkdir("folder"), os.symlink("nowhere", "link"), os.symlink("loop", "loop")
    Path("file").write_text("")
    disk.check_file("file")
    for name, what in (
        ("pipe", "is a pipe, not a file"),
        ("folder", "is a folder, not a file"),
        ("link", "is a link to nothing, not a file"),
        ("loop", "is a link to nothing, not a file"),
        ("/dev/zero", "is a device, not a file"),
        ("absent", "No such file or directory"),
        ("file/below", "Not a directory"),
    ):
        with pytest.raises(ConfigError) as error:
            disk.check_file(name, "name another")
        assert str(error.value) == f"{name}: {what}; name another"
