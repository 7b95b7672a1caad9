"""Build what a release consists of, and try it as a stranger would. Nothing is uploaded.

    make release                            every Python from 3.10 to 3.13 that is found
    make release RELEASE='--pythons 3.11'   these alone
    make release RELEASE='--final'          also reject a version that is not one to publish

Source archive and wheel are built from the last commit, not from the folder; they reach `dist/` when every check has
passed. Each Python has an environment of its own, in which the wheel is installed, the first example of the README runs
in an empty folder, and all extras are resolved. A Python that is not found is reported as not tried.

Everything lies in a temporary folder (TMPDIR) while it lasts. PyTorch is that of constraints.txt; where pip finds no
CPU build of it for a Python, it takes the one for CUDA, which is some gigabytes.
"""

from __future__ import annotations

import argparse
import email
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

from release_parts import (
    PYTHONS,
    ReleaseError,
    constraints,
    find_python,
    first_example,
    not_as_shown,
    preparation,
    sdist_faults,
    version_faults,
    wheel_faults,
)

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("build", "twine", "readme-renderer[md]")
EPOCHS = 1  # of the README's example, which is not here for its figures
LINES = 15  # of a command that failed


def run(command: list, folder: Path, seconds: int = 1800) -> str:
    """What a command prints. It sees neither this checkout nor the environment that this file runs in.

    Raises:
        ReleaseError: it failed; with its last lines.
    """
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_CONSTRAINT", "__PYVENV_LAUNCHER__")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"PYTHONNOUSERSITE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise ReleaseError(f"{' '.join(command)}: not done after {seconds} seconds") from None
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LINES:])
        raise ReleaseError(f"{' '.join(command)}: exit code {done.returncode}\n{last}")
    return done.stdout


def environment(python: str, folder: Path) -> Path:
    """The interpreter of a new environment."""
    run([python, "-m", "venv", folder], folder.parent)
    return folder / "bin" / "python"


def checkout(folder: Path) -> list[str]:
    """Write the last commit to a folder, and return the names of its files.

    Raises:
        ReleaseError: the working tree differs from it.
    """
    changed = run(["git", "status", "--porcelain"], ROOT).splitlines()
    if changed:
        names = ", ".join(line[3:] for line in changed[:3]) + (" …" if len(changed) > 3 else "")
        raise ReleaseError(f"not as in the last commit: {names}; commit or remove what differs first")
    archive = folder.with_suffix(".tar")
    run(["git", "archive", "--output", archive, "HEAD"], ROOT)
    folder.mkdir()
    run(["tar", "-xf", archive, "-C", folder], ROOT)
    return run(["git", "ls-files", "-z"], ROOT).rstrip("\0").split("\0")


def build(source: Path, tracked: list[str], work: Path) -> tuple[Path, Path]:
    """Build both archives of a checkout, and check them.

    Returns:
        The source archive and the wheel.
    """
    tools = environment(sys.executable, work / "tools")
    run([tools, "-m", "pip", "install", "--quiet", *TOOLS], work)
    run([tools, "-m", "build", "--outdir", work / "built", source], work)
    (sdist,), (wheel,) = (list((work / "built").glob(ending)) for ending in ("*.tar.gz", "*.whl"))
    with tarfile.open(sdist) as opened:
        in_sdist = [one.name.partition("/")[2] for one in opened if one.isfile()]
    with zipfile.ZipFile(wheel) as opened:
        in_wheel = opened.namelist()
    faults = [*sdist_faults(in_sdist, tracked), *wheel_faults(in_wheel, tracked)]
    if faults:
        raise ReleaseError("\n".join(faults))
    say(f"{sdist.name}: {len(in_sdist)} files, {megabytes(sdist)}; {wheel.name}: {len(in_wheel)}, {megabytes(wheel)}")
    run([tools, "-m", "twine", "check", "--strict", sdist, wheel], work)
    say("metadata, and the README as a package index shows it: passed")
    return sdist, wheel


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(opened.read(name))


def try_python(version: str, python: str, wheel: Path, source: Path, work: Path) -> None:
    """Install the wheel into a new environment, run the README's first example, and resolve the extras."""
    started = time.monotonic()
    place = work / f"python{version}"
    (place / "empty").mkdir(parents=True)
    held = place / "constraints.txt"
    text = (source / "constraints.txt").read_text(encoding="utf-8")
    held.write_text(constraints(version, text), encoding="utf-8")
    own = environment(python, place / "environment")
    install = [own, "-m", "pip", "install", "--constraint", held]
    if before := preparation(version, text):
        run([own, "-m", "pip", "install", "--quiet", *before], place)
    run([*install, "--quiet", wheel], place)
    say(f"Python {version}: installed in {time.monotonic() - started:.0f} s ({python})")
    example = place / "first_example.py"
    example.write_text(first_example((source / "README.md").read_text(encoding="utf-8"), EPOCHS), encoding="utf-8")
    printed = run([own, "-I", example], place / "empty", seconds=900)
    if wrong := not_as_shown(printed):
        raise ReleaseError(f"Python {version}: the first example of README.md {wrong}")
    say(f"Python {version}: the first example of README.md ran, in {EPOCHS} epoch; its last line:")
    say(f"    {printed.strip().splitlines()[-1]}")
    extras = ",".join(metadata(wheel).get_all("Provides-Extra") or [])
    run([*install, "--quiet", "--dry-run", f"{wheel}[{extras}]"], place)  # those that resolve together do so alone
    say(f"Python {version}: the extras resolve: {extras}")
    shutil.rmtree(place)  # an environment with PyTorch takes gigabytes


def put(files: tuple[Path, ...]) -> None:
    """Into `dist/`, each as a whole."""
    target = ROOT / "dist"
    target.mkdir(exist_ok=True)
    for file in files:
        partial = target / f".{file.name}.partial"
        shutil.copyfile(file, partial)
        partial.replace(target / file.name)
        say(f"dist/{file.name}  sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}")


def megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def say(line: str) -> None:
    print(line, flush=True)


def release(chosen: argparse.Namespace, work: Path) -> None:
    """All of it, in order; the first fault ends it."""
    source = work / "source"
    tracked = checkout(source)
    texts = [(source / name).read_text(encoding="utf-8") for name in ("CHANGELOG.md", "CITATION.cff")]
    found = {version: find_python(version) for version in chosen.pythons}
    missing = [version for version, python in found.items() if not python]
    if missing and chosen.all_pythons:
        raise ReleaseError(f"Python {', '.join(missing)} is not found: install it, or leave out --all-pythons")
    sdist, wheel = build(source, tracked, work)
    faults = version_faults(metadata(wheel)["Version"], *texts)
    if faults and chosen.final:
        raise ReleaseError("\n".join(faults))
    for version, python in found.items():
        if python:
            try_python(version, python, wheel, source, work)
    put((sdist, wheel))
    for line in faults:
        say(f"before it is published: {line}")
    for version in missing:
        say(f"not tried: Python {version}, which is not found on the path or in pyenv")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pythons", nargs="+", default=PYTHONS, metavar="VERSION", help="default: 3.10 3.11 3.12 3.13")
    parser.add_argument("--all-pythons", action="store_true", help="fail where one of them is not found")
    parser.add_argument("--final", action="store_true", help="fail where the version is not one to publish")
    chosen = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="release-") as work:
            release(chosen, Path(work))
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
