"""The definitions of settings: the files generated from them, values and messages, and settings of one's own."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest
import yaml

from recbole_iacn import ConfigError
from recbole_iacn.checks.settings import check_given, check_values, known_keys
from recbole_iacn.settings import Group, add, defaults, iacn, sources, table
from recbole_iacn.settings.documents import document, yaml_files
from recbole_iacn.settings.group import settings_of
from recbole_iacn.settings.kinds import Cap, Columns, Dropout, Interval, Null, Share, Shares, Width, Widths
from recbole_iacn.settings.wording import allows, complaint, words

ROOT = Path(__file__).parents[2]


class Own(Group):
    """Settings of a task of one's own"""

    own_width: Annotated[int, Cap(100)] = 8
    """Width."""

    own_kinds: list[str] = ["a"]  # noqa: RUF012
    """Kinds."""


@pytest.fixture
def added():
    """Leaves no settings of one's own behind."""
    yield table.added
    table.added.clear()


def test_generated_files_are_up_to_date():
    """``python -m recbole_iacn.settings`` has been run since the last change."""
    texts = yaml_files()
    assert {path.name for path in (ROOT / "properties").glob("*.yaml")} == set(texts)
    for name, text in texts.items():
        assert (ROOT / "properties" / name).read_text(encoding="utf-8") == text, name
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == document()


@pytest.mark.parametrize("name", table.FILES)
def test_yaml_files_hold_the_defaults_of_the_table(name):
    content = yaml.safe_load(yaml_files()[f"{name}.yaml"]) or {}
    assert content == table.defaults_of(name)
    assert list(content) == list(table.defaults_of(name))


def test_every_setting_has_a_text_and_a_default_that_it_allows():
    groups = {group for groups in table.FILES.values() for group in groups} | set(table.RECBOLE)
    for group in groups:
        for one in settings_of(group):
            assert one.text, one.key
            if one.default is not ...:
                one.check(one.default)


def test_docs_have_every_setting():
    text = document()
    for key in sorted(table.keys()):
        assert f"| `{key}` |" in text


def test_recboles_own_defaults_are_accepted():
    """Every model of RecBole with its defaults, and every dataset's."""
    from recbole_iacn.names import defaults_name, recbole_folder, recbole_models

    folder = recbole_folder() / "properties"
    for model in recbole_models():
        own = folder / "model" / f"{defaults_name(model)}.yaml"
        for path in (folder / "overall.yaml", folder / "dataset" / "sample.yaml", own):
            if path.is_file():  # Random has none
                check_values(sources.read_config_file(path), model)
    for path in [*(folder / "quick_start_config").glob("*.yaml"), *(folder / "dataset").glob("*.yaml")]:
        if path.name != "url.yaml":
            check_values(sources.read_config_file(path), "DIN")


def test_pydantic_is_imported_with_the_first_config():
    code = "import sys, recbole_iacn, recbole_iacn.cli; print({'pydantic', 'recbole', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (int, "an integer"),
        (Share, "a number in [0, 1]"),
        (Dropout, "a number in [0, 1)"),
        (Width, "an integer >= 1"),
        (Widths, "a non-empty list of integers >= 1"),
        (Columns, "a list of column names"),
        (Literal["a", "b", "c"], "a, b or c"),
        (bool | str, "True, False or text"),
        (bool | None, "True or False, or ~"),
        (Annotated[Width | None, Null("for never")], "an integer >= 1, or ~ for never"),
        (dict[str, Width], "a dict from texts to integers >= 1"),
    ],
)
def test_a_kind_as_text(kind, text):
    assert words(kind) == text


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (Share, [0, 1, 0.5], [True, "0.5", -0.1, 1.1, float("nan"), None, 10**400]),
        (Width, [1, 65536], [0, True, 1.0, 65537, "1", None]),
        (Widths, [[1], [4, 8]], [[], 3, (4, 8), [0], [1.0], ["4"], None]),
        (Interval, ["[5,inf)", "(0,1]; [3, 4.5)", "[-inf,1e3]"], ["5", "[5", "[2,1]", "[a,b]", 5, "", "[1,2,3]"]),
        (Shares, [[0.8, 0.1, 0.1], [8, 1, 1]], [[0.8, 0.1, 0.3], [1, 1], [0.8, 0.2, 0.0], [0.9, 0.1], "abc"]),
    ],
)
def test_what_a_kind_allows(kind, right, wrong):
    for value in right:
        assert allows(kind, value) is None, value
    for value in wrong:
        assert allows(kind, value), value


def test_a_complaint_is_one_short_line():
    assert complaint("k", Width, 70_000) == "k: must be at most 65536, got 70000"
    assert complaint("k", Width, "x\ny" * 100).count("\n") == 0
    assert len(complaint("k", Width, "x" * 10_000)) < 200
    assert complaint("k", int, {"a": 10**5000}) == "k: must be an integer, got a dict that cannot be printed"


def test_numbers_of_numpy_are_accepted():
    check_values({"iacn_delta": np.float32(0.5), "embedding_size": np.int64(4)}, "DIN_IaCN")
    with pytest.raises(ConfigError, match="embedding_size: must be an integer >= 1, got 0"):
        check_values({"embedding_size": np.int64(0)}, "DIN_IaCN")


def test_a_setting_of_one_backbone_is_checked_for_it_only():
    check_values({"type": "ED"}, "SGL")
    with pytest.raises(ConfigError, match="type: must be inner or outer, got 'ED'"):
        check_values({"type": "ED"}, "KD_DAGFM")
    with pytest.raises(ConfigError, match="type: must be inner or outer, got 'ED'"):
        check_values({"type": "ED"}, "KD_DAGFM_IaCN")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("5", 5), ("1e-3", 0.001), ("[8,4]", [8, 4]), ("None", None), ("true", True), ("False", False), ("'5'", "5")),
        *(("fast", "fast"), ("2*3", "2*3"), ("9**9**9", "9**9**9"), ("exit()", "exit()"), ("key", "key"), ("", "")),
        *(("[", "["), ("0,1", (0, 1)), ("nan", "nan"), ("\0", "\0"), ("[" * 9999, "[" * 9999)),
    ],
)
def test_strings_are_read_as_literals(text, value):
    assert sources.value_of(text) == value


@pytest.mark.parametrize("number", ["1e-3", "1.5e-3", "-2E+4", "1e5", ".5", "5.", "1_000", "0x10", ".5e-2", "1:30"])
def test_yaml_reads_numbers_as_recboles_config_does(number, tmp_path):
    from recbole.config import Config

    path = tmp_path / "one.yaml"
    path.write_text(f"key: {number}\n")
    loader = Config._build_yaml_loader(Config.__new__(Config))
    theirs = yaml.load(path.read_text(), Loader=loader)
    assert sources.read_config_file(str(path)) == theirs
    assert type(sources.read_config_file(str(path))["key"]) is type(theirs["key"])


def test_an_empty_file_sets_nothing(tmp_path, settings):
    from recbole.config import Config

    path = tmp_path / "empty.yaml"
    path.write_text("# nothing\n")
    assert Config("DIN", "tiny", [str(path)], settings(epochs=3))["epochs"] == 3


def test_settings_of_ones_own(added, settings):
    from recbole.config import Config

    assert defaults(Own) == {"own_width": 8, "own_kinds": ["a"]}
    assert "own_width" not in known_keys()
    add(Own, "model 'DIN_IaCN'")
    assert "own_width" in known_keys()
    config = Config("DIN_IaCN", "tiny", None, settings(own_width=9))
    assert config["own_width"] == 9 and config["own_kinds"] == ["a"]
    for value, message in ((0.5, "own_width: must be an integer, got 0.5"), (101, "own_width: must be at most 100")):
        with pytest.raises(ConfigError, match=message):
            check_given("DIN", None, {"own_width": value})
    with pytest.raises(ConfigError, match=r"own_widht: no such setting .*Did you mean 'own_width'"):
        check_given("DIN", None, {"own_widht": 1})
    defaults(Own)["own_kinds"].append("b")
    assert defaults(Own)["own_kinds"] == ["a"], "each call gives a fresh copy"
    add(Own, "model 'DIN_IaCN'")  # again, as in a notebook


def group_of(key, kind=int, default=1):
    return type("Other", (Group,), {"__annotations__": {key: kind}, key: default, "__module__": __name__})


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (group_of("embedding_size"), "^task 'x': setting 'embedding_size' exists already \\(RecBole's\\)$"),
        (group_of("iacn_delta"), "^task 'x': setting 'iacn_delta' exists already \\(recbole_iacn's\\)$"),
        (group_of("own_width"), "^task 'x': setting 'own_width' exists already \\(task 'own'\\)$"),
        (group_of("far", Share, 2.0), r"^task 'x': the default of far: must be a number in \[0, 1\], got 2.0$"),
        (group_of("bare", int, ...), "^task 'x': setting 'bare' has no default; add one, such as bare: int = 1$"),
        (dict, "^task 'x': settings must be a subclass of recbole_iacn.settings.Group"),
    ],
)
def test_wrong_settings_of_ones_own_are_rejected(added, group, message):
    add(Own, "task 'own'")
    with pytest.raises(ConfigError, match=message):
        add(group, "task 'x'")
    assert list(added) == ["task 'own'"]


def test_values_of_the_papers_are_documented():
    (delta,) = [one for one in settings_of(iacn.Task) if one.key == "iacn_delta"]
    assert delta.paper == 0.3
    line = next(line for line in yaml_files()["IaCN.yaml"].splitlines() if line.startswith("iacn_delta"))
    assert "(a number in [0, 1])" in line and line.endswith("Paper: 0.3.")


@pytest.mark.parametrize(("key", "model"), [("iacn_logit_std", "DIN_IaCN"), ("routing_logit_std", "MIND")])
def test_capsules_do_not_start_equal(key, model):
    """With a deviation of 0 all capsules are and stay the same; the least is 1e-6."""
    for value in (1e-6, 0.3, 1, 1e6):
        check_values({key: value}, model)
    least = r"a number > 0 \(equal starts leave all capsules equal\)"
    for value, wanted in ((0, least), (0.0, least), (-0.3, least), (9e-7, "at least 1e-06"), (1e7, "at most 1000000")):
        with pytest.raises(ConfigError, match=f"^{key}: must be {wanted}"):
            check_values({key: value}, model)
