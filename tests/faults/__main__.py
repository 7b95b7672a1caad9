"""``make faults``: repeat every case with other seeds, and print what survived.

python -m faults                          all cases, as often as each says; goes on where it was interrupted
python -m faults --kind kill --tries 5    a kind, five times each
python -m faults --only fuzz_prepare.table --seed 17 --tries 1 --again    one try, to look into a failure
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several tries at the same time

from faults.cases import cases
from faults.record import ROOT, Record, table, write
from faults.trying import run

_EVERY = 30.0  # seconds between lines of progress, where no terminal shows a moving one


def main() -> int:
    """Run the command line; returns 1 if anything did not survive, 130 after Ctrl-C."""
    parser = _parser()
    given = parser.parse_args()
    every = cases()
    kinds = sorted({one.kind for one in every})
    if given.kind not in (None, *kinds):
        parser.error(f"--kind: there is no kind {given.kind!r}; choose from {', '.join(kinds)}")
    chosen = [one for one in every if given.kind in (None, one.kind) and given.only in one.name]
    if not chosen:
        parser.error(f"--only: no case{f' of kind {given.kind}' if given.kind else ''} has {given.only!r} in its name")
    whole = len(chosen) == len(every) and given.tries is None
    if given.write and not whole:
        parser.error("--write publishes the table of all cases; omit --kind, --only and --tries")
    wanted = [(one, given.seed + k) for one in chosen for k in range(one.tries if given.tries is None else given.tries)]
    wanted.sort(key=lambda pair: pair[1])  # the first tries of all, then the second ones: --minutes treats all alike
    again = {(case.name, seed) for case, seed in wanted} if given.again else ()
    record = Record(Path(given.outcomes), again)
    if record.other_code:
        print("the code has changed since the recorded outcomes: they are forgotten")
    left = [(case, seed) for case, seed in wanted if (case.name, seed) not in record.outcomes]
    if len(left) < len(wanted):
        print(f"{len(wanted) - len(left):,} of {len(wanted):,} outcomes are recorded already (--again repeats them)")
    progress = _Progress(len(left))
    try:
        with tempfile.TemporaryDirectory(prefix="faults-shared-") as shared:
            os.environ["FAULTS_SHARED"] = shared  # what tries make once for all, see judged.made_once
            for outcome in run(left, given.jobs):
                record.add(outcome)
                progress.add(outcome)
                if time.monotonic() - progress.begun > given.minutes * 60:
                    break
    except KeyboardInterrupt:
        print(f"\ninterrupted; {given.outcomes} has {len(record.outcomes):,} outcomes, the same command goes on")
        return 130
    asked = {(case.name, seed) for case, seed in wanted}
    outcomes = [one for key, one in record.outcomes.items() if key in asked]
    text = table(chosen, outcomes)
    print(f"\n{text}")
    if given.write:
        write(text)
    return int(any(one["failure"] is not None for one in outcomes))


def _parser():
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--kind", help="cases of this kind alone (default: all)")
    parser.add_argument("--only", default="", metavar="NAME", help="cases with this in their name: module.function")
    parser.add_argument("--tries", type=_positive, help="tries per case (default: what each says)")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop then; the same command goes on (default: no limit)"
    )
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: %(default)s)")
    parser.add_argument("--jobs", type=_positive, default=2, help="tries at the same time (default: %(default)s)")
    parser.add_argument("--outcomes", default=ROOT / "build" / "faults.jsonl", help="file of outcomes (%(default)s)")
    parser.add_argument("--again", action="store_true", help="forget what is recorded of these tries")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    return parser


def _positive(text):
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


_positive.__name__ = "number from 1"  # as argparse calls it


class _Progress:
    """One line that moves on a terminal; elsewhere a line now and then. Failures are printed at once."""

    def __init__(self, number):
        self.number, self.done, self.failed = number, 0, 0
        self.begun = self.last = time.monotonic()

    def add(self, outcome):
        self.done += 1
        if outcome["failure"] is not None:
            self.failed += 1
            self._clear()
            print(f"{outcome['name']}, seed {outcome['seed']}: {outcome['failure']}", flush=True)
        now = time.monotonic()
        if not sys.stdout.isatty() and now - self.last < _EVERY and self.done < self.number:
            return
        self.last = now
        minutes = (now - self.begun) / self.done * (self.number - self.done) / 60
        line = f"{self.done:,} of {self.number:,} tries, {self.failed:,} failed, about {minutes:.0f} min left"
        self._clear()
        print(line, end="" if sys.stdout.isatty() else "\n", flush=True)

    def _clear(self):
        if sys.stdout.isatty():
            print("\r\033[K", end="")


if __name__ == "__main__":
    sys.exit(main())
