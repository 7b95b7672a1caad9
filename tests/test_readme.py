"""Every block and every command of README.md and of the pages of docs/ runs, in the order of the page.

They run in this process, on few films of ml-100k. What starts processes, needs the network or takes hours is only read
by the command's own parser.
"""

import json
import shlex

import pytest
import yaml
from helpers import CHROMIUM, train_on_few_films, write_few_films
from pages import PAGES, PREPARED, ROOT, blocks, commands
from served import ask, running, served

import recbole_iacn
from recbole_iacn.cli import main
from recbole_iacn.cli.commands import parser
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.serving.service.application import application

# Commands that are not run, by their beginning, and why.
NOT_RUN = {
    "pip": "installs; the tests run in what it installs",
    "make": "a target of the Makefile, which .ci/run or a person calls",
    "jupyter": "tests/test_examples.py runs the notebooks",
    "curl": "test_a_service_answers_as_the_pages_show",
    "torchrun": "starts processes; tests/test_parallel.py trains in several",
    "python -c 'import secrets": "the machine's shell; tests/cli/test_serve.py has tokens",
    "python benchmarks/amazon_like.py": "makes gigabytes",
    "python benchmarks/tie_order.py": "needs the results' real data; tests/test_tie_order.py",
    "python benchmarks/rare_films.py": "needs a model of the results' real data; tests/test_tie_order.py",
    "recbole-iacn download": "needs the network; tests/data/amazon",
    "recbole-iacn prepare amazon": "needs what was downloaded; tests/data/amazon",
    "recbole-iacn prepare sequences --name Beauty --sequences Beauty.txt --attributes": "of the results' real data",
    "recbole-iacn experiment": "takes hours, or starts processes; tests/experiments run such files",
    "recbole-iacn report": "needs what an experiment makes; tests/report",
    "recbole-iacn search": "starts processes; tests/experiments/test_search.py",
    "recbole-iacn train --model=DIN_IaCN --dataset=shop --resume": "tests/training/test_resuming.py",
    "recbole-iacn train --model=MIND --dataset=Beauty": "needs the results' real data",
    "recbole-iacn diversity mind": "needs the results' real data; tests/interests/test_trade_off.py",
    "recbole-iacn serve": "ends when it is stopped; tests/cli/test_serve.py",
    "recbole-iacn train --model=DIN_IaCN --dataset=Electronics": "needs what was downloaded; tests/test_real_data.py",
    "recbole-iacn train --model=WideDeep_IaCN --dataset=ml-100k --epochs=2 --nproc=2": "starts processes",
}
ELSEWHERE = {
    "docs/extending.md": "each addition runs in a process of its own: tests/test_extending.py",
    "CONTRIBUTING.md": "how to write, and how not to",
}


def parts():
    """(page, section) -> its blocks that can be run; a page of docs/ is one part, with one folder."""
    found = {}
    for page in PAGES:
        for section, kind, text in blocks(page):
            if (kind == "python" and page not in ELSEWHERE) or (kind in ("", "bash") and commands(text)):
                found.setdefault((page, section if page == "README.md" else ""), []).append((kind, text))
    return found


PARTS = parts()


@pytest.fixture(scope="session")
def few_films(tmp_path_factory):
    return write_few_films(tmp_path_factory.mktemp("recbole"))


@pytest.mark.slow
@pytest.mark.parametrize("where", PARTS, ids=" ".join)
def test_blocks_and_commands_run(where, few_films, monkeypatch, tmp_path):
    train_on_few_films(few_films, monkeypatch.setattr)
    names = {"__name__": "__main__"}
    for kind, text in PARTS[where]:
        for snippet, prepare in PREPARED.items():
            if snippet in text:
                prepare(tmp_path, names)
        if kind == "python":
            exec(compile(text, f"{where[0]}, {where[1]}", "exec"), names)
        else:
            for command in commands(text):
                run(command)


def run(command):
    """Run a command in this process, or read it only."""
    words = shlex.split(command, comments=True)
    program, *arguments = words
    if ">" in arguments:
        arguments = arguments[: arguments.index(">")]
    begins = [start for start in NOT_RUN if command.startswith(start)]
    if program == "recbole-iacn" or words[:2] == ["python", "run_recbole_iacn.py"]:
        arguments = arguments if program == "recbole-iacn" else ["train", *arguments[1:]]
        if not CHROMIUM:  # which draws them; tests/report/test_pictures.py
            arguments = [argument for argument in arguments if argument != "--pictures"]
        if not begins:
            main(arguments)
        elif arguments[0] != "train":
            read(arguments)
    else:
        assert begins, f"{command}: say in NOT_RUN why it is not run, or let it run"
    if program == "make":
        assert f"\n{arguments[0]}:" in (ROOT / "Makefile").read_text(encoding="utf-8"), command


def read(arguments):
    """The parser takes a command, and the experiment or the results that it names are here."""
    parser().parse_args(arguments)
    if arguments[0] in ("experiment", "search", "report") and "quick" not in arguments[1]:
        named = ROOT / arguments[1]
        assert named.exists() or (ROOT / "experiments" / f"{named.name}.yaml").exists(), arguments[1]


def test_no_command_is_left_out_in_vain():
    every = [line for found in PARTS.values() for kind, text in found if kind != "python" for line in commands(text)]
    assert [start for start in NOT_RUN if not any(line.startswith(start) for line in every)] == []
    assert [
        snippet for snippet in PREPARED if not any(snippet in text for one in PARTS.values() for _, text in one)
    ] == []
    assert [page for page in ELSEWHERE if not any(kind == "python" for _, kind, _ in blocks(page))] == []


def test_blocks_are_of_kinds_that_a_test_reads():
    kinds = {kind for page in PAGES for _, kind, _ in blocks(page)}
    assert kinds <= {"", "bash", "python", "yaml", "text"}


# --- Settings and experiments -----------------------------------------------------------------------------------------

YAML = [(page, text) for page in PAGES for _, kind, text in blocks(page) if kind == "yaml"]
EXPERIMENTS = [(page, text) for page, text in YAML if set(yaml.safe_load(text)) & {"models", "columns", "search"}]
SETTINGS = [(page, text) for page, text in YAML if (page, text) not in EXPERIMENTS]


@pytest.mark.parametrize(("page", "text"), EXPERIMENTS)
def test_an_experiment_of_a_page_is_accepted(page, text, tmp_path):
    (tmp_path / "common.yaml").write_text("learning_rate: 0.002\n")
    (tmp_path / "table1.yaml").write_bytes((ROOT / "experiments" / "table1.yaml").read_bytes())
    given = yaml.safe_load(text)
    named = {"config_files": [str(tmp_path / "common.yaml")]} if "config_files" in given else {}
    (tmp_path / "page.yaml").write_text(yaml.safe_dump({"base": "table1.yaml", **given, **named}, sort_keys=False))
    plan = read_plan(tmp_path / "page.yaml")
    assert plan.runs
    for model in given.get("models", []):
        assert any(model in (run.model, run.of) or run.model.startswith(model) for run in plan.runs)


@pytest.mark.parametrize(("page", "text"), SETTINGS)
def test_settings_of_a_page_are_known(page, text):
    from recbole_iacn.checks.settings import check_keys

    check_keys(yaml.safe_load(text), page)


# --- A service --------------------------------------------------------------------------------------------------------


def requests(page):
    """(path, body or None, what the page shows: JSON or None) of each curl."""
    for _, _, text in blocks(page):
        for shown in text.split("$ curl ")[1:]:
            words = shlex.split(shown.replace("\\\n", " ").partition("\n{")[0])
            body = next((json.loads(words[n + 1]) for n, word in enumerate(words) if word == "-d"), None)
            path = "/" + next(word for word in words if word.startswith("localhost")).partition("/")[2]
            yield path, body, json.loads("{" + shown.replace("\\\n", " ").partition("\n{")[2])


@pytest.mark.slow
def test_a_service_answers_as_the_pages_show(few_films, monkeypatch, tmp_path):
    train_on_few_films(few_films, monkeypatch.setattr)
    main(["train", "--model=MIND", "--dataset=ml-100k", "--bundle=mind"])
    every = [one for page in PAGES for one in requests(page)]
    assert {path for path, _, _ in every} == {"/recommend", "/score", "/health"}
    with running(application(lambda: served(recommender=recbole_iacn.load("mind")))) as port:
        for path, body, shown in every:
            status, answer = ask(port, path, body)
            assert status == (422 if "error" in shown else 200), answer
            assert answer.keys() == shown.keys()
            if "error" in shown:
                assert answer == shown
            if "unknown" in shown:
                assert answer["unknown"] == shown["unknown"]
