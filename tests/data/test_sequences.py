"""Conversion of sequences to atomic files: by hand, and one line for each error."""

import hashlib
import json

import pytest

from recbole_iacn.cli import main
from recbole_iacn.data.sequences import convert
from recbole_iacn.errors import ConfigError


@pytest.fixture
def given(tmp_path):
    """Writes both files; returns their paths."""

    def write(lines="ann 7 3 7\n\nbob 3\n", attributes='{"7": [1, "red"], "9": [2]}'):
        (tmp_path / "some.txt").write_text(lines)
        (tmp_path / "some.json").write_text(attributes)
        return tmp_path / "some.txt", tmp_path / "some.json"

    return write


def test_by_hand(given, tmp_path):
    counts = convert(*given(), tmp_path / "out" / "some")
    assert counts == {"users": 2, "items": 2, "interactions": 4, "without_attributes": 1}
    files = {path.name: path.read_text() for path in (tmp_path / "out" / "some").iterdir()}
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["dataset"] == "some" and {name: manifest[name] for name in counts} == counts
    digest = hashlib.sha256((tmp_path / "some.json").read_bytes()).hexdigest()
    assert manifest["inputs"][1] == {"file": "some.json", "sha256": digest}
    assert files == {
        "some.inter": "user_id:token\titem_id:token\ttimestamp:float\nann\t7\t0\nann\t3\t1\nann\t7\t2\nbob\t3\t0\n",
        "some.item": "item_id:token\tcategories:token_seq\n7\t1 red\n3\t\n",
        "some.yaml": "load_col: {inter: [user_id, item_id, timestamp], item: [item_id, categories]}\n",
    }


def test_a_name_with_a_dot(given, tmp_path):
    convert(*given(), tmp_path / "out" / "some.v2")
    names = {path.name for path in (tmp_path / "out" / "some.v2").iterdir()}
    assert names == {"some.v2.inter", "some.v2.item", "some.v2.yaml", "manifest.json"}


def test_the_command_and_a_second_time(given, tmp_path, capsys):
    sequences, attributes = map(str, given())
    command = ["prepare", "sequences", "--name", "some", "--out", str(tmp_path / "out"), "--sequences", sequences]
    main([*command, "--attributes", attributes])
    assert "2 users, 2 items, 4 interactions; 1 items have no attributes" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(command)
    assert "exists already; name another (--out, --name), or replace it with --overwrite" in capsys.readouterr().err
    main([*command, "--overwrite"])
    made = tmp_path / "out" / "some"
    left = sorted(path.name for path in made.iterdir())
    assert left == ["manifest.json", "some.inter", "some.yaml"]  # no items of the first time
    assert "item:" not in (made / "some.yaml").read_text()


@pytest.mark.slow
def test_a_model_trains_on_the_result(given, tmp_path):
    import recbole_iacn

    lines = "".join(f"u{user} {' '.join(str((user + step) % 9) for step in range(6))}\n" for user in range(20))
    convert(*given(lines, '{"1": [4]}'), tmp_path / "some")
    changes = {"data_path": str(tmp_path), "epochs": 1, "checkpoint_dir": str(tmp_path / "saved"), "state": "ERROR"}
    file = [str(tmp_path / "some" / "some.yaml")]
    result = recbole_iacn.run("WideDeep_IaCN", "some", file, {**changes, "mlp_hidden_size": [4], "embedding_size": 4})
    assert 0 <= result["test_result"]["auc"] <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lines": "ann 7\nbob\n"}, "some.txt, line 2: user 'bob' has no item"),
        ({"lines": "ann 7\nann 3\n"}, "some.txt, line 2: user 'ann' already has a line"),
        ({"lines": "\n"}, "some.txt: has no lines"),
        ({"attributes": "{"}, "some.json: is not valid JSON"),
        ({"attributes": '{"7": 3}'}, "some.json: must map each item to a list of attributes"),
        ({"attributes": '{"7": ["dark red"]}'}, "some.json: item '7': attribute 'dark red' is not a single word"),
    ],
)
def test_an_error_is_one_line_and_leaves_nothing(given, tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        convert(*given(**changes), tmp_path / "out" / "some")
    assert not (tmp_path / "out").exists()


def test_a_dataset_of_an_earlier_version_is_replaced_unless_its_settings_were_edited(given, tmp_path):
    made = tmp_path / "some"
    convert(*given(), made)
    (made / "manifest.json").unlink()  # which 0.5 did not write
    convert(given()[0], None, made, overwrite=True)
    assert (made / "manifest.json").is_file() and not (made / "some.item").exists()
    (made / "manifest.json").unlink()
    (made / "some.yaml").write_text("load_col: {inter: [user_id, item_id]}\n")
    with pytest.raises(ConfigError, match=r"some\.yaml: has been edited, and --overwrite would replace it; move it"):
        convert(*given(), made, overwrite=True)
    assert not (made / "some.item").exists() and (made / "some.yaml").read_text().startswith("load_col: {inter: [user")


@pytest.mark.parametrize("taken", ["out", "out/some"])
def test_a_file_in_the_folders_place_is_rejected(given, tmp_path, taken):
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("mine")
    line = r"some: exists already; name another" if taken == "out/some" else r"some: cannot be written \(.*\); name"
    with pytest.raises(ConfigError, match=line):
        convert(*given(), tmp_path / "out" / "some")
    assert (tmp_path / taken).read_text() == "mine" and not list(tmp_path.rglob("*.partial-*"))


def test_no_such_file(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.txt: No such file"):
        convert(tmp_path / "none.txt", None, tmp_path / "out")


@pytest.mark.parametrize(
    "lines, attributes, message",
    [
        ("ann 7\nann 3\n", "{}", "some.txt, line 2: user 'ann' already has a line"),
        ("ann 7\n\0b 3\n", "{}", "some.txt, line 2: has a NUL byte"),
        ("ann 7\rbob 3\n", "{}", "some.txt, line 1: has a carriage return within"),
        ("ann 7\n", '{"7": [null]}', "item '7': attribute None is not a single word or a number"),
        ("ann 7\n", '{"7": [true]}', "item '7': attribute True is not a single word or a number"),
        ("ann 7\n", '{"7": [NaN]}', "item '7': attribute nan is not a single word or a number"),
        ("ann 7\n", '{"7": ["a\\u2028b"]}', r"item '7': attribute 'a\\u2028b' is not a single word"),
        ("ann 7\n", '{"7": ["\\ud800"]}', r"item '7': attribute '\\ud800' is not a single word"),
        ("ann 7\n", '{"7": [1], "7": [2]}', "the key '7' stands there twice; join its lists"),
        ("ann 7\n", "[" * 100_000, "is nested too deeply"),
    ],
)
def test_what_was_misread_is_one_line(given, tmp_path, lines, attributes, message):
    paths = given(attributes=attributes)
    paths[0].write_bytes(lines.encode())
    with pytest.raises(ConfigError, match=message):
        convert(*paths, tmp_path / "out" / "some")
    assert not (tmp_path / "out").exists()


def test_a_line_that_is_not_utf_8_is_named(given, tmp_path):
    sequences, attributes = given()
    sequences.write_bytes(b"ann 7\nbob caf\xe9\n")
    with pytest.raises(ConfigError, match=r"some\.txt, line 2: is not valid UTF-8"):
        convert(sequences, attributes, tmp_path / "out" / "some")


def test_only_blanks_and_tabs_separate_and_a_byte_order_mark_is_no_part_of_a_name(given, tmp_path):
    sequences, attributes = given(attributes='\ufeff{"7": [1]}')
    sequences.write_bytes("\ufeffann\t7  a\u00a0b\r\n\u2028 \x0bc\n".encode())
    convert(sequences, attributes, tmp_path / "some")
    lines = (tmp_path / "some" / "some.inter").read_bytes().decode().split("\n")[1:-1]
    assert lines == ["ann\t7\t0", "ann\ta\u00a0b\t1", "\u2028\t\x0bc\t0"]
