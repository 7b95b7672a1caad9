"""What `tools/release.py` decides without running anything: which files belong where, which Pythons there are."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

PYTHONS = ("3.10", "3.11", "3.12", "3.13")

# Tracked files that the source archive need not have: figures, which are large and from which reports are made.
LEFT_OUT = (
    "benchmarks/*.json",
    "results/*.json",
    "results/*.jsonl",
    "results/*.tex",
)
# What setuptools adds.
GENERATED = ("PKG-INFO", "setup.cfg", "recbole_iacn.egg-info/*")

# Endings of datasets and of trained models. Those of tests/version_0_5_0 are of a dozen users.
DATA = (".inter", ".item", ".user", ".csv", ".tsv", ".parquet", ".gz", ".zip", ".npz", ".pth", ".safetensors", ".onnx")
SMALL_DATA = "tests/version_0_5_0/*"


class ReleaseError(Exception):
    """Ends the command with one line."""


def matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def sdist_faults(names: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """What a source archive lacks of the tracked files, and what it has that is not tracked, or is data.

    Args:
        names: its files, without the folder that all of them lie in.
        tracked: the files that git knows.
    """
    names, tracked = set(names), set(tracked)
    lacks = sorted(name for name in tracked - names if not matches(name, LEFT_OUT))
    extra = sorted(name for name in names - tracked if not matches(name, GENERATED))
    data = sorted(name for name in names if name.endswith(DATA) and not matches(name, [SMALL_DATA]))
    return [
        *(f"the source archive lacks {name}: add it to MANIFEST.in" for name in lacks),
        *(f"the source archive has {name}, which git does not track" for name in extra),
        *(f"the source archive has data: {name}" for name in data),
    ]


def wheel_faults(names: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """The same of a wheel, whose files are the package, the settings of `properties/` and the command."""
    names = {name for name in names if ".dist-info/" not in name}
    tracked = set(tracked)
    wanted = {name for name in tracked if name.startswith("recbole_iacn/")} | {"recbole_iacn_command.py"}
    wanted |= {f"recbole_iacn/{name}" for name in tracked if name.startswith("properties/")}
    return [
        *(f"the wheel lacks {name}: add it to setup.py" for name in sorted(wanted - names)),
        *(f"the wheel has {name}, which is not of the package" for name in sorted(names - wanted)),
    ]


def version_faults(version: str, changelog: str, citation: str) -> list[str]:
    """Why a version is not yet one to publish: its number, the changelog's section, the citation."""
    faults = []
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        faults.append(f"recbole_iacn/version.py says {version}, which is not a version to publish")
    number = re.sub(r"\.dev\d+$", "", version)
    if not re.search(rf"^## \[?{re.escape(number)}\]? - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        faults.append(f"CHANGELOG.md has no section '## {number} - YYYY-MM-DD'")
    if not re.search(rf"^version: \"?{re.escape(version)}\"?$", citation, re.MULTILINE):
        faults.append(f"CITATION.cff does not say version: {version}")
    return faults


def not_as_shown(printed: str) -> str:
    """What is wrong with what the first example printed; empty if nothing is.

    A title that is missing ends no program: an earlier pandas made numbers of the tokens, and no title was found.
    """
    if not printed.strip():
        return "printed nothing"
    return "printed a title that is missing" if "NaN" in printed else ""


def first_example(readme: str, epochs: int) -> str:
    """The first block of Python in a README, with so many epochs.

    Raises:
        ReleaseError: there is no such block, or it trains nothing.
    """
    block = re.search(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    if not block:
        raise ReleaseError("README.md has no block of Python to run")
    code, count = re.subn(r"([\"']epochs[\"']: *)\d+", rf"\g<1>{epochs}", block[1])
    if not count:
        raise ReleaseError("the first block of Python in README.md does not set epochs: it would train 300")
    return code


def constraints(python: str, text: str) -> str:
    """What pip is held to on a Python: the whole of constraints.txt on that which its first line names, elsewhere its
    PyTorch alone. Some of its versions do not exist for every Python."""
    if f"Python {python}," in text.partition("\n")[0]:
        return text
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith("torch=="))


def preparation(python: str, text: str) -> list[str]:
    """What pip installs before the wheel: from 3.12 on RecBole without what it requires, as the README says.

    Args:
        python: such as ``3.12``.
        text: constraints.txt, which has RecBole's version.
    """
    if tuple(map(int, python.split("."))) < (3, 12):
        return []
    return ["--no-deps", next(line for line in text.splitlines() if line.startswith("recbole=="))]


def find_python(version: str, path: str | None = None, pyenv: Path | None = None) -> str | None:
    """An interpreter of a version that runs: `python3.12` on the path, or one of pyenv's, the newest first.

    Args:
        version: such as ``3.12``.
        path: folders as in PATH, which is the default.
        pyenv: its root, by default PYENV_ROOT or ~/.pyenv.
    """
    folders = (os.environ.get("PATH", "") if path is None else path).split(os.pathsep)
    pyenv = pyenv or Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [Path(folder) / f"python{version}" for folder in folders if folder]
    newest = sorted(
        pyenv.glob(f"versions/{version}.*/bin/python"), key=lambda file: int("0" + file.parts[-3].split(".")[-1])
    )
    for candidate in [*candidates, *reversed(newest)]:
        if candidate.is_file() and version_of(candidate) == version:
            return str(candidate)
    return None


def version_of(python: Path) -> str | None:
    """Such as ``3.12``; None for what does not run, such as pyenv's stand-ins for versions that are not chosen."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
