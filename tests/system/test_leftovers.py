"""What dead processes leave is removed; what living ones are making is not."""

import os
import stat
import subprocess
import sys
import tempfile

import pytest

from recbole_iacn.system import leftovers
from recbole_iacn.system.atomic_writes import write_text

WRITER = """
import sys
from recbole_iacn.system.atomic_writes import replacing
with replacing(sys.argv[1]) as partial:
    partial.write_text("half")
    print("at work", flush=True)
    sys.stdin.read()
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def writer(tmp_path):
    """A process that has written half of a file."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "x")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "at work\n"
    yield process
    process.kill()
    process.communicate()


def test_a_living_process_keeps_its_work(tmp_path, writer):
    assert leftovers.sweep(tmp_path) == 0
    write_text(tmp_path / "y", "other")
    writer.communicate("")
    assert (tmp_path / "x").read_text() == "half" and names(tmp_path) == ["x", "y"]


def test_what_a_killed_process_left_goes_with_the_next_file_of_any_name(tmp_path, writer):
    writer.kill()
    writer.wait()
    assert len(names(tmp_path)) == 1
    write_text(tmp_path / "y", "other")
    assert names(tmp_path) == ["y"]


def test_sweep_counts(tmp_path, writer):
    writer.kill()
    writer.wait()
    assert leftovers.sweep(tmp_path) == 1 and names(tmp_path) == []


def test_a_folder_of_the_users_that_looks_like_one_stays(tmp_path):
    folder = tmp_path / ".x.partial-mine"
    folder.mkdir()
    (folder / "thesis.tex").write_text("")
    assert leftovers.sweep(tmp_path) == 0 and names(folder) == ["thesis.tex"]


def test_a_missing_folder_is_swept(tmp_path):
    assert leftovers.sweep(tmp_path / "missing") == 0


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_temporary_folder_is_this_user_s_alone(tmp_path, monkeypatch):
    """Models and tables lie there, where everybody may look."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = os.umask(0)
    try:
        with leftovers.temporary_folder() as folder:
            assert folder.parent == tmp_path and stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)
