"""A dataset's folder is replaced where prepare has made it, and holds nothing of the user's own."""

import json

import pytest

from recbole_iacn.data.dataset_folder import check_target, making, write_manifest
from recbole_iacn.errors import ConfigError


@pytest.fixture
def made(tmp_path):
    target = tmp_path / "shop"
    with making(target) as folder:
        (folder / "shop.inter").write_text("")
        (folder / "shop.yaml").write_text("load_col: null\n")
        write_manifest(folder, "shop", {"users": 3})
    return target


def rejected(target):
    with pytest.raises(ConfigError) as error:
        check_target(target, 512, 1, overwrite=True)
    return str(error.value)


def test_what_prepare_has_made_is_replaced(made):
    assert json.loads((made / "manifest.json").read_text())["users"] == 3
    check_target(made, 512, 1, overwrite=True)


def test_a_file_of_the_users_is_named(made):
    (made / "negatives.tsv").write_text("")
    assert rejected(made) == (
        f"{made}: has 'negatives.tsv', which is not prepare's; move it elsewhere, --overwrite would remove it"
    )


def test_edited_settings_are_named(made):
    (made / "shop.yaml").write_text("load_col: null\nepochs: 3\n")
    assert rejected(made).startswith(
        f"{made / 'shop.yaml'}: has been edited, and --overwrite would replace it; move it"
    )
    (made / "shop.yaml").unlink()  # the mend
    check_target(made, 512, 1, overwrite=True)


def test_a_manifest_of_an_earlier_version_has_no_digest(made):
    (made / "manifest.json").write_text("{}")
    (made / "shop.yaml").write_text("epochs: 3\n")
    check_target(made, 512, 1, overwrite=True)


def test_what_a_killed_process_has_left_is_put_right_before_the_check(made):
    before = made.with_name(".shop.before")
    made.rename(before)  # a kill between the two renames of a system without exchange
    (made.parent / ".shop.partial-0123abcd").mkdir()
    with pytest.raises(ConfigError, match="shop: exists already"):
        check_target(made, 512, 1, overwrite=False)
    assert [path.name for path in made.parent.iterdir()] == ["shop"]
