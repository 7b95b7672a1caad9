"""Names that become files."""

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.system.plain_names import check_name


@pytest.mark.parametrize("name", ["DIN_IaCN-ml-100k-full-1-3f9a", ".hidden", "a b", "é", "a..b"])
def test_names(name):
    assert check_name(name, "run") == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/a", "a\\b", "a\x00", "a\nb", "x" * 241, "~x", "C:x", 5]
)
def test_paths_are_rejected(name):
    with pytest.raises(ConfigError, match=r"^run: .* cannot be the name of a file; give a name without a path$"):
        check_name(name, "run")
