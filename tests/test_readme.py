"""Every Python block and every command of README.md and of the guides in docs/ runs, in the order of the page.

They run in this process, on few films of ml-100k. What starts processes, needs the network or takes hours is only read
by the command's own parser.
"""

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
from helpers import train_on_few_films, write_few_films

from recbole_iacn.cli import main
from recbole_iacn.cli.commands import parser

ROOT = Path(__file__).parents[1]
GUIDES = (
    "amazon",
    "comparing",
    "experiments",
    "impressions",
    "index",
    "inside",
    "install",
    "learning_on",
    "multi_interest",
    "own_data",
    "protocols",
    "quick_start",
    "recommender",
    "scaling",
    "tuning",
)
PAGES = ("README.md", *(f"docs/{name}.md" for name in (*GUIDES, "training", "which_model")))

# Commands that are not run, by their beginning, and why.
NOT_RUN = {
    "pip": "installs; the tests run in what it installs",
    "torchrun": "starts processes; tests/test_parallel.py trains in several",
    "recbole-iacn download": "needs the network; tests/data/amazon",
    "recbole-iacn prepare amazon": "needs what was downloaded; tests/data/amazon",
    "recbole-iacn experiment experiments/which_model.yaml": "takes 1.6 hours; tests/experiments read the file",
    "recbole-iacn report results/which_model": "needs what that makes; tests/report",
    "recbole-iacn experiment experiments/quick.yaml": "starts processes; tests/experiments run such files",
    "recbole-iacn report results/quick": "needs what that makes; tests/report",
    "recbole-iacn search": "starts processes; tests/experiments/test_search.py",
    "recbole-iacn train --model=DIN_IaCN --dataset=shop --resume": "tests/training/test_resuming.py",
    "recbole-iacn serve": "ends when it is stopped; tests/cli/test_serve.py",
    "recbole-iacn train --model=DIN_IaCN --dataset=Electronics": "needs what was downloaded; tests/test_real_data.py",
    "recbole-iacn train --model=WideDeep_IaCN --dataset=ml-100k --epochs=2 --nproc=2": "starts processes",
}


def blocks(page):
    """(section, language, text) of every block, in order."""
    section, found = "", []
    text = (ROOT / page).read_text(encoding="utf-8")
    for part in re.finditer(r"^#+ (?P<section>[^\n]+)$|^```(?P<kind>\w*)\n(?P<text>.*?)^```$", text, re.M | re.S):
        if part["section"]:
            section = part["section"]
        else:
            found.append((section, part["kind"], part["text"]))
    return found


def commands(text):
    """The commands of a block without a language; none if it shows what a command prints."""
    lines = text.splitlines()
    known = ("recbole-iacn ", "python ", "pip ", "make ", "torchrun ", "curl ", "docker ")
    return [line for line in lines if line.startswith(known)]


def parts():
    """(page, section) -> its blocks that can be run; a page of docs/ is one part, with one folder."""
    found = {}
    for page in PAGES:
        for section, kind, text in blocks(page):
            if kind == "python" or (kind == "" and commands(text)):
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
    begins = [start for start in NOT_RUN if command.startswith(start)]
    if program == "recbole-iacn" or words[:2] == ["python", "run_recbole_iacn.py"]:
        arguments = arguments if program == "recbole-iacn" else ["train", *arguments[1:]]
        if not begins:
            main(arguments)
        elif arguments[0] != "train":
            parser().parse_args(arguments)
    else:
        assert begins, f"{command}: say in NOT_RUN why it is not run, or let it run"


def test_no_command_is_left_out_in_vain():
    every = [line for found in PARTS.values() for kind, text in found if kind != "python" for line in commands(text)]
    assert [start for start in NOT_RUN if not any(line.startswith(start) for line in every)] == []
    assert [
        snippet for snippet in PREPARED if not any(snippet in text for one in PARTS.values() for _, text in one)
    ] == []


# --- What a reader has at that point ----------------------------------------------------------------------------------


def write_events(folder, names, label=False):
    """events.csv and items.csv of a shop, and the same as data frames."""
    clicks = [(user, step) for user in range(30) for step in range(1, 12)]
    rows = [(f"c{user}", f"s{user * step % 13}", f"2024-05-{1 + step:02}T10:{user:02}:00") for user, step in clicks]
    events = pd.DataFrame(rows, columns=["customer_id", "sku", "time"])
    if label:
        events["label"] = [int((user + step) % 3 == 0) for user, step in clicks]
    items = pd.DataFrame({"sku": [f"s{n}" for n in range(13)], "categories": [f"A > B{n % 3}" for n in range(13)]})
    today = events.groupby("customer_id").head(3).assign(customer_id=lambda some: "new " + some["customer_id"])
    events.to_csv(folder / "events.csv", index=False)
    today.to_csv(folder / "today.csv", index=False)
    today[["customer_id", "sku"]].to_csv(folder / "pairs.csv", index=False)
    items.to_csv(folder / "items.csv", index=False)
    shutil.rmtree(folder / "dataset" / "shop", ignore_errors=True)
    names |= {"events": events, "items": items}


def write_labels(folder, names):
    """dataset/shop with labels."""
    write_events(folder, names, label=True)
    main(["prepare", "table", "--name", "shop", "--events", "events.csv", "--items", "items.csv"])


def write_sequences(folder, names):
    """Beauty.txt, one user per line, and the items' attributes."""
    (folder / "Beauty.txt").write_text("\n".join(f"{user} {user + 1} {user + 2} {user + 3}" for user in range(1, 9)))
    (folder / "Beauty_item2attributes.json").write_text('{"2": [1, 2], "3": [2]}')


def write_atomic_files(folder, names):
    """dataset/shop as RecBole has it, and the settings of the page."""
    write_events(folder, names)
    (folder / "dataset" / "shop").mkdir(parents=True)
    events, items = names["events"], names["items"]
    events = events.set_axis(["user_id:token", "item_id:token", "timestamp:float"], axis=1)
    items = items.set_axis(["item_id:token", "categories:token_seq"], axis=1)
    for kind, table in (("inter", events), ("item", items)):
        table.to_csv(folder / "dataset" / "shop" / f"shop.{kind}", sep="\t", index=False)
    yaml = next(text for _, kind, text in blocks("docs/own_data.md") if kind == "yaml" and "categories" in text)
    (folder / "shop.yaml").write_text(yaml)


def train_the_shop(folder, names):
    """shop_model, and among today's users ann and bob."""
    write_events(folder, names)
    main(["prepare", "table", "--name", "shop", "--events", "events.csv", "--items", "items.csv"])
    main(["train", "--model=DIN_IaCN", "--dataset=shop", "--bundle=shop_model", "--epochs=1"])
    today = pd.read_csv(folder / "today.csv")
    today.replace({"new c0": "ann", "new c1": "bob"}).to_csv(folder / "today.csv", index=False)


PREPARED = {
    "explain shop_model": train_the_shop,
    "--from=shop_model": train_the_shop,
    "prepare table --name shop": write_events,
    "from_tables(events": write_events,
    "--dataset=shop --protocol=impressions_by_time": write_labels,
    "prepare sequences": write_sequences,
    "--config_files=shop.yaml": write_atomic_files,
}
