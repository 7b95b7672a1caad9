"""Outcomes of tries, recorded as they end, and the table that is made of them."""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from faults.cases import Case

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- make faults: begin -->", "<!-- make faults: end -->"
_LONGEST = 120  # characters of a failure in the table


class Record:
    """A file of outcomes, one per line, so that an interrupted ``make faults`` goes on.

    Outcomes of another state of the code are not counted: the first line has a digest of the package and of the cases.

    Args:
        path: the file.
        again: (name, seed) of the outcomes to forget; the others are kept.
    """

    def __init__(self, path: Path, again: Collection[tuple[str, int]] = ()) -> None:
        self.path, self._head = path, json.dumps({"code": code_digest()}) + "\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        self.other_code = bool(lines) and lines[0] != self._head
        kept = [] if self.other_code else [json.loads(line) for line in lines[1:] if line.endswith("\n")]
        self.outcomes = {(one["name"], one["seed"]): one for one in kept if (one["name"], one["seed"]) not in again}
        path.write_text(self._head + "".join(map(_line, self.outcomes.values())), encoding="utf-8")

    def add(self, outcome: dict) -> None:
        """Record an outcome at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(outcome))
        self.outcomes[outcome["name"], outcome["seed"]] = outcome


def _line(outcome):
    return json.dumps(outcome, ensure_ascii=False) + "\n"


def code_digest() -> str:
    """A digest of the package's code and settings and of the cases and what they import, which changes with any line
    of it."""
    digest = hashlib.sha256()
    sources = [*(ROOT / "recbole_iacn").rglob("*.py"), *(ROOT / "properties").rglob("*.yaml")]
    sources += [*(ROOT / "tests" / "faults").rglob("*.py"), *(ROOT / "tests").glob("*.py")]
    for path in sorted(path for path in sources if not path.name.startswith("test_")):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def table(cases: Sequence[Case], outcomes: Iterable[dict]) -> str:
    """What was tried, how often, and what survived, as a table of Markdown: one row per case, by kind, and a sum."""
    by_name: dict[str, list[dict]] = {}
    for one in outcomes:
        by_name.setdefault(one["name"], []).append(one)
    lines = ["| kind | what was tried | tries | survived |", "|---|---|---:|---:|"]
    failures, sums = [], [0, 0]
    for case in cases:
        of_case = sorted(by_name.get(case.name, []), key=lambda one: one["seed"])
        survived = [one for one in of_case if one["failure"] is None]
        lines.append(f"| {case.kind} | {case.what} | {len(of_case):,} | {len(survived):,} |")
        sums = [sums[0] + len(of_case), sums[1] + len(survived)]
        failed = next((one for one in of_case if one["failure"] is not None), None)
        if failed:
            last = " ".join(failed["failure"].split()).replace("|", "\\|").replace("<", "&lt;")[:_LONGEST]
            failures.append(f"- {case.what}: `{case.name}`, seed {failed['seed']}: {last}")
    lines.append(f"| | **all** | **{sums[0]:,}** | **{sums[1]:,}** |")
    if failures:
        lines += ["", "Did not survive, the first of each:", "", *failures]
    return "\n".join(lines) + "\n"


def write(text: str, page: Path = PAGE) -> None:
    """Put the table between its two markers."""
    content = page.read_text(encoding="utf-8")
    before, found, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert found and end, f"{page}: no {BEGIN} and {END}"
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
