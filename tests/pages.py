"""The blocks and commands of README.md and of every page of docs/, for tests, and what a reader has there."""

import re
import shutil
from pathlib import Path

import pandas as pd

from recbole_iacn.cli import main

ROOT = Path(__file__).parents[1]
GUIDES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))
PAGES = ("README.md", *GUIDES, "examples/README.md", "results/README.md", "CONTRIBUTING.md")
PROGRAMS = ("recbole-iacn", "python", "pip", "make", "torchrun", "curl", "docker", "jupyter")


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
    """The commands of a block; none if it shows what a command prints."""
    lines = (line.removeprefix("$ ") for line in re.sub(r"\\\n\s*", "", text).splitlines())
    return [line for line in lines if line.startswith(tuple(f"{name} " for name in PROGRAMS))]


# --- What a reader has at that point ----------------------------------------------------------------------------------


def write_events(folder, names, label=False, count=13):
    """events.csv and items.csv of a shop with so many items, and the same as data frames."""
    clicks = [(user, step) for user in range(30) for step in range(1, 12)]
    rows = [(f"c{user}", f"s{user * step % count}", f"2024-05-{1 + step:02}T10:{user:02}:00") for user, step in clicks]
    events = pd.DataFrame(rows, columns=["customer_id", "sku", "time"])
    if label:
        events["label"] = [int((user + step) % 3 == 0) for user, step in clicks]
    items = pd.DataFrame(
        {"sku": [f"s{n}" for n in range(count)], "categories": [f"A > B{n % 3}" for n in range(count)]}
    )
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


def explain_films(folder, names):
    """BUNDLE of the shop, whose events have the page's users."""
    train_the_shop(folder, names)
    (folder / "shop_model").rename(folder / "BUNDLE")
    events = pd.read_csv(folder / "events.csv")
    events.replace({"c6": "6", "c7": "57", "c8": "109"}).to_csv(folder / "events.csv", index=False)


def train_for_a_sheet(folder, names):
    """Bundles of the page's names, of a shop with more items than its lists are long."""
    write_events(folder, names, count=61)
    main(["prepare", "table", "--name", "shop", "--events", "events.csv", "--items", "items.csv"])
    main(["train", "--model=DIN_IaCN", "--dataset=shop", "--bundle=DIN_bundle"])
    for name, seed in (("MIND", 2020), ("MIND", 2021), ("MIND", 2022), ("ComiRec", 2020)):
        main(["train", f"--model={name}", "--dataset=shop", f"--seed={seed}", f"--bundle={name}_{seed}"])
    shutil.copytree(folder / "ComiRec_2020", folder / "ComiRec_bundle")


PREPARED = {
    "explain BUNDLE": explain_films,
    "interests DIN_bundle": train_for_a_sheet,
    "explain shop_model": train_the_shop,
    "--from=shop_model": train_the_shop,
    "prepare table --name shop": write_events,
    "from_tables(events": write_events,
    "--dataset=shop --protocol=impressions_by_time": write_labels,
    "prepare sequences": write_sequences,
    "--config_files=shop.yaml": write_atomic_files,
}
