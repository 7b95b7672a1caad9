"""Each fault that is quick to make is survived; ``make faults``, which repeats all of them, notices what does not."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from faults import __main__, interrupted, judged, malformed, record, trying
from faults.cases import Case, cases


@pytest.mark.slow
@pytest.mark.parametrize("case", [one for one in cases() if one.quick], ids=lambda one: f"{one.kind}: {one.what}")
def test_a_fault_is_survived(case, tmp_path):
    for seed in range(case.in_suite):
        folder = tmp_path / str(seed)
        folder.mkdir()
        case.attempt(folder, seed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [one for one in cases() if one.kind == malformed.KIND and "fuzz_" in one.name], ids=lambda one: one.name
)
def test_without_damage_the_data_are_accepted(case, tmp_path, monkeypatch):
    """Otherwise the fuzz would try rejections alone."""
    monkeypatch.setattr(malformed, "damaged", lambda content, *given: (content, "nothing"))
    monkeypatch.setattr(judged, "readable", pytest.fail)
    case.attempt(tmp_path, 0)


# --- The harness itself ---------------------------------------------------------------------------------------------


def survives(folder, seed):
    assert seed == 3 and not list(folder.iterdir()) and os.getcwd() == str(folder)
    assert os.environ["HOME"] != os.path.expanduser("~root") and tempfile.gettempdir() == os.environ["TMPDIR"]


def raises(folder, seed):
    raise ValueError("it did\nnot")


def hangs(folder, seed):
    time.sleep(60)


def crashes(folder, seed):
    os.kill(os.getpid(), signal.SIGKILL)


def leaves_a_file(folder, seed):
    tempfile.mkdtemp(prefix="left-")


def leaves_a_process(folder, seed):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


@pytest.fixture
def outcome(monkeypatch):
    """The failure of one try of a case, or None."""
    monkeypatch.setattr(trying, "preload", lambda: None)

    def attempt(function, **more):
        case = Case("kind", "what", function, 1, True, **more)
        (found,) = trying.run([(case, 3)], jobs=1)
        assert found["seed"] == 3 and found["name"].endswith(function.__name__)
        return found["failure"]

    return attempt


@pytest.mark.slow
def test_each_way_not_to_survive_is_noticed(outcome):
    assert outcome(survives) is None
    assert outcome(raises).startswith("ValueError: it did not (test_faults.py:")
    assert outcome(hangs, seconds=0.2) == "hangs: not done in 0 s"
    assert outcome(crashes).startswith("the process ended with -9")
    assert outcome(leaves_a_file).startswith("leaves left-")
    assert outcome(leaves_a_file, leaves=True) is None
    assert outcome(leaves_a_process) == "processes that it started go on after it"


def test_an_interrupted_record_goes_on_and_another_code_begins_anew(tmp_path, monkeypatch):
    path = tmp_path / "build" / "faults.jsonl"
    monkeypatch.setattr(record, "code_digest", lambda: "one")
    record.Record(path).add({"name": "a", "seed": 0, "seconds": 1, "failure": None})
    with path.open("a") as file:
        file.write('{"name": "a", "se')  # as a kill leaves it
    again = record.Record(path)
    assert list(again.outcomes) == [("a", 0)] and not again.other_code
    again.add({"name": "a", "seed": 1, "seconds": 1, "failure": "x"})
    assert list(record.Record(path).outcomes) == [("a", 0), ("a", 1)]
    assert list(record.Record(path, again={("a", 1), ("a", 2)}).outcomes) == [("a", 0)]
    assert list(record.Record(path).outcomes) == [("a", 0)]
    monkeypatch.setattr(record, "code_digest", lambda: "other")
    assert record.Record(path).other_code and len(path.read_text().splitlines()) == 1


def test_another_line_of_what_cases_import_is_another_code(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "ROOT", tmp_path)
    found = [record.code_digest()]
    for name in ("recbole_iacn/a.py", "properties/a.yaml", "tests/faults/a.py", "tests/helpers.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a")
        found.append(record.code_digest())
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--jobs 0", "argument --jobs: invalid number from 1 value: '0'"),
        ("--tries -1", "argument --tries: invalid number from 1 value: '-1'"),
        ("--kind kil", "--kind: there is no kind 'kil'; choose from damaged file, disk, "),
        ("--kind kill --only fuzz", "--only: no case of kind kill has 'fuzz' in its name"),
        ("--write --kind kill", "--write publishes the table of all cases; omit --kind, --only and --tries"),
        ("--write --tries 1", "--write publishes the table of all cases; omit --kind, --only and --tries"),
    ],
)
def test_options_without_a_meaning_are_rejected(words, line, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(__main__, "run", pytest.fail)
    monkeypatch.setattr(sys, "argv", ["faults", "--outcomes", str(tmp_path / "made"), *words.split()])
    with pytest.raises(SystemExit, match="2"):
        __main__.main()
    assert f"error: {line}" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [0, -15])
def test_a_command_that_ends_as_if_it_had_not_heard_must_be_done(code):
    ended = interrupted.Ended(code, "", "", 1.0)
    interrupted.check_line(ended, signal.SIGTERM, lambda: True)
    with pytest.raises(AssertionError, match="before all was done"):
        interrupted.check_line(ended, signal.SIGTERM, lambda: False)


def test_the_table_counts_and_names_the_first_failure(tmp_path):
    case = Case("kill", "what", survives, 2, True)
    failed = [{"name": case.name, "seed": seed, "failure": f"a | b\n{seed}"} for seed in (9, 7)]
    outcomes = [{"name": case.name, "seed": 1, "failure": None}, *failed, {"name": "other", "seed": 0, "failure": None}]
    text = record.table([case], json.loads(json.dumps(outcomes)))
    assert "| kill | what | 3 | 1 |" in text and "| | **all** | **3** | **1** |" in text
    assert text.rstrip().endswith(f"- what: `{case.name}`, seed 7: a \\| b 7")
    page = tmp_path / "page.md"
    page.write_text(f"before\n{record.BEGIN}\nold\n{record.END}\nafter\n")
    record.write(text, page)
    assert page.read_text() == f"before\n{record.BEGIN}\n\n{text}\n{record.END}\nafter\n"


def test_the_published_page_has_a_place_for_the_table():
    content = record.PAGE.read_text(encoding="utf-8")
    assert content.count(record.BEGIN) == content.count(record.END) == 1
