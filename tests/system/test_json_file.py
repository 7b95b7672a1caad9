"""JSON of strangers."""

import pytest

from recbole_iacn.system import json_file


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{", b"\xff", b"1" * 5000])
def test_whatever_is_wrong_is_a_value_error(content, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError):
        json_file.read(tmp_path / "x.json")


def test_a_value():
    assert json_file.parse('{"a": [1]}') == {"a": [1]}
