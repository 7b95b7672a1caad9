"""Odd values of the options of every command."""

import argparse
import random
from unittest import mock

import helpers

from faults.cases import case
from faults.fuzz_prepare import amazon_files
from faults.fuzz_serving import bundle_and_data
from faults.fuzz_settings import KIND, PLAN, quiet
from faults.judged import command, made_once, tree
from faults.malformed import SECONDS, some_events, write_table
from faults.odd_settings import PATHS, TEXTS

_AS_PATHS = ("out", "checkpoint", "bundle", "events", "rows", "users", "among", "items", "sequences", "attributes")
_AS_PATHS += ("reviews", "meta", "file", "folder", "data_path", "config_files", "token-file", "retriever")
_SLOW = ("ray", "jobs", "trials", "rehearse", "keep")  # which start processes, or train for long


def _lines(folder, source):
    """A right command line for each command, as a list of options and their values; a value of None: a switch."""
    import json

    import yaml

    place = made_once("bundle", bundle_and_data)
    bundle = place / "bundle"
    events = folder / "events.csv"
    write_table(
        events,
        [{k: row[k] for k in ("user_id", "item_id", "timestamp", "rating")} for row in some_events(source)],
        "csv",
    )
    rows = folder / "rows.csv"
    write_table(rows, [{"user_id": f"u{k}", "item_id": f"i{k}", "timestamp": 1_600_000_000} for k in range(5)], "csv")
    lines, attributes = folder / "lines.txt", folder / "attributes.json"
    lines.write_text("u1 i1 i2 i3\nu2 i2 i3 i4\n")
    attributes.write_text(json.dumps({"i1": ["a"], "i2": ["b"]}))
    (folder / "plan.yaml").write_text(yaml.dump({key: value for key, value in PLAN.items() if key != "config_files"}))
    reviews, meta = amazon_files(folder, 2014, source, False)
    (folder / "full").mkdir()
    (folder / "full" / "x").write_text("x")
    (folder / "file").write_text("x")
    helpers.write_atomic(folder, "tiny", users=12, items=15, events=6)
    prepared = [("--out", "out"), ("--name", "made")]
    return {
        ("prepare", "table"): [("--events", events), *prepared, ("--threads", 1)],
        ("prepare", "sequences"): [
            ("--sequences", folder / "lines.txt"),
            ("--attributes", folder / "attributes.json"),
            *prepared,
        ],
        ("prepare", "amazon"): [("--year", 2014), ("--reviews", reviews), ("--meta", meta), *prepared, ("--core", 1)],
        ("prepare", "rows"): [("--dataset", "tiny"), ("--data_path", folder)],
        ("recommend",): [(bundle,), ("--events", events), ("--out", "a.csv"), ("--k", 2), ("--threads", 1)],
        ("diversity",): [(bundle,), ("--data_path", place), ("--k", 2), ("--out", "a.csv")],
        ("score",): [(bundle,), ("--rows", rows), ("--events", events), ("--out", "a.csv"), ("--threads", 1)],
        ("export",): [(bundle,), ("--out", "graph")],
        ("serve",): [(bundle,), ("--port", 0)],
        ("bundle",): [(folder / "file",), ("--out", "b")],
        ("experiment",): [(folder / "plan.yaml",), ("--data_path", folder), ("--plan",)],
        ("report",): [(folder,)],
        ("doctor",): [],
        ("download",): [("amazon",), ("--year", 2014), ("--category", "Beauty")],
    }


def _options_of(words):
    """The option strings of a command, with whether each takes a value."""
    from recbole_iacn.cli import commands

    parser = commands.parser()
    for word in words:
        actions = next(one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
        parser = actions.choices[word]
    actions = [one for one in parser._actions if one.option_strings and one.dest != "help"]
    return [(one.option_strings[0], one.nargs != 0) for one in actions if one.option_strings[0].strip("-") not in _SLOW]


@case(KIND, "options of every command but train", 250, in_suite=20, seconds=SECONDS)
def options(folder, seed):
    source = random.Random(seed)
    lines = _lines(folder, source)
    words = source.choice(sorted(lines))
    line, known = lines[words], _options_of(words)
    changes = []
    for _ in range(source.choice((1, 1, 2))):
        positional = [k for k, one in enumerate(line) if len(one) == 1 and not str(one[0]).startswith("--")]
        if positional and source.random() < 0.15:
            line = [(source.choice(PATHS),) if k == positional[0] else one for k, one in enumerate(line)]
        elif known:
            option, has_value = source.choice(known)
            pool = PATHS if option.strip("-") in _AS_PATHS else TEXTS
            line = [one for one in line if one[0] != option] + [(option, source.choice(pool))[: 1 + has_value]]
            changes.append(line[-1])
    arguments = [*words, *(str(word) for one in line for word in one)]
    with quiet(folder) as place, _nothing_for_ever():
        given = tree(folder)
        code, _ = command(arguments, SECONDS, others=(1,) if words == ("doctor",) else ())
        left = {path for path in tree(folder) if path not in given}
        hidden = sorted(path for path in left if ".partial" in path or path.endswith(".before"))
        assert not hidden, f"{words}, {changes}: left behind: {hidden}"
        if code:
            files = sorted(path for path in left if (folder / path).is_file())
            if "--show-rows" in arguments and "cwd/out/made/made.yaml" in files:
                files = []  # a dataset that is whole, and has no rows to show
            assert not files, f"{words}, {changes}: rejected, but left behind: {files}"
        assert {path: size for path, size in tree(folder).items() if path in given and path != "cwd"} == {
            path: size for path, size in given.items() if path != "cwd"
        }, f"{words}, {changes}: the input has changed"
        assert place.is_dir()


def _nothing_for_ever():
    """A service that would start ends at once; a download that would begin has been."""
    stack = mock.patch("recbole_iacn.serving.service.server.run", lambda *given, **more: None)
    other = mock.patch("recbole_iacn.data.amazon.download.download", lambda *given, **more: "file")
    return _Both(stack, other)


class _Both:
    def __init__(self, *patches):
        self.patches = patches

    def __enter__(self):
        for one in self.patches:
            one.start()

    def __exit__(self, *error):
        for one in self.patches:
            one.stop()
