"""What a disk refuses is one line that names the place."""

import errno
import os

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
