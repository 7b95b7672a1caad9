"""A diagnosis for a bug report: versions, extras, devices, patches, and advice on each problem.

Nothing here needs a working RecBole or PyTorch. The text contains no path of the machine and no name of a user or a
host, and of the environment variables only those that select devices and threads.
"""

import importlib
import os
import platform
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from recbole_iacn.bridge.patch import BREAK, Patch
from recbole_iacn.bridge.patches import PATCHES
from recbole_iacn.version import __version__

RECBOLE = "1.2.1"  # the version that the patches are made for
TORCH = (2, 5)  # the least that setup.py admits, which says why

# Besides RecBole and this package, those whose changes have broken RecBole before, and what bundles and settings need.
_PACKAGES = (
    *("recbole", "torch", "numpy", "pandas", "scipy", "scikit-learn", "ray", "setuptools", "PyYAML"),
    *("pyarrow", "safetensors", "pydantic"),
)
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
_PATH = re.compile(r"""(?:[A-Za-z]:)?(?:[/\\][^\s/\\'":,;()]+)+[/\\]""")


@dataclass(frozen=True)
class Advice:
    """A problem and its solution.

    Attributes:
        text (str): the problem and how to solve it, in one line.
        prevents (bool): the problem prevents every training.
    """

    text: str
    prevents: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """The result of :func:`diagnose`.

    Attributes:
        text (str): the diagnosis, in Markdown.
        runs (bool): no problem prevents RecBole from running.
    """

    text: str
    runs: bool


def diagnose(all_patches: bool = False) -> Diagnosis:
    """Examine the environment of the running Python.

    Args:
        all_patches: list every change in RecBole, with its reason; by default only those that depend on the machine.

    Returns:
        The text, and whether RecBole runs.
    """
    # RecBole is imported first, as in every run: the checks that follow then show what its import breaks.
    advice = [*_about_recbole(), *_about_torch(), *_about_ray(), *_about_this_package()]
    lines = ["## Versions", "", *_table(["package", "version"], _versions())]
    lines += ["", "## Extras", "", *_extras()]
    lines += ["", "## Devices", "", *_devices()]
    lines += ["", "## Changes in RecBole", "", *_patches(all_patches)]
    lines += ["", "## Advice", "", *([f"- {item.text}" for item in advice] or ["No problem was found."])]
    return Diagnosis("\n".join(lines), not any(item.prevents for item in advice))


def _version(package: str) -> str | None:
    """A package's version; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _import_error(module: str) -> str | None:
    """The reason why a module cannot be imported, in one line without paths; None if it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)
    except Exception as error:  # any error in it is the result
        return _in_one_line(error)
    return None


def _in_one_line(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {_PATH.sub('…/', first)}"[:200]


# --- Problems


def _about_recbole() -> Iterator[Advice]:
    version = _version("recbole")
    how = f"pip install recbole=={RECBOLE}; from Python 3.12 on: pip install --no-deps recbole=={RECBOLE}"
    if version is None:
        yield Advice(f"RecBole is not installed: {how}", prevents=True)
        return
    if version != RECBOLE:
        yield Advice(f"RecBole is {version}; the changes below are made for {RECBOLE}: {how}")
    error = _import_error("recbole.quick_start")
    if error:
        advice = "install the package that it names, or report this text"
        yield Advice(f"RecBole cannot be imported ({error}): {advice}", prevents=True)


def _about_torch() -> Iterator[Advice]:
    error = _import_error("torch")
    if error:
        yield Advice(f"PyTorch cannot be imported ({error}): pip install torch", prevents=True)
        return
    version = _version("torch") or ""
    if _numbers(version) < TORCH:
        least = ".".join(map(str, TORCH))
        yield Advice(f"PyTorch is {version}, but must be at least {least}: pip install 'torch>={least}'", prevents=True)
    import torch

    if _has_nvidia_gpu() and not torch.cuda.is_available():
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
        reason = "CUDA_VISIBLE_DEVICES hides it" if hidden else "install a build of PyTorch for CUDA, or a newer driver"
        yield Advice(f"the machine has an NVIDIA GPU, but PyTorch {version} does not see it: {reason}")


def _about_ray() -> Iterator[Advice]:
    from recbole_iacn.bridge.compat.extras import ray_works

    version = _version("ray")
    if version and not ray_works():
        yield Advice(
            f"ray {version} cannot be imported; only experiment --ray needs it: pip install --upgrade ray, and ignore "
            "pip's message about RecBole's pin"
        )


def _about_this_package() -> Iterator[Advice]:
    version = _version("recbole_iacn")
    if version not in (None, __version__):
        yield Advice(f"recbole_iacn is {__version__}, but was installed as {version}: install it again")


def _numbers(version: str) -> tuple[int, ...]:
    """``2.13.0+cpu`` as (2, 13, 0)."""
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3])


def _has_nvidia_gpu() -> bool:
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


# --- The environment


def _versions() -> list[tuple[str, str]]:
    python = f"{platform.python_version()} ({platform.python_implementation()})"
    system = f"{platform.system()} {platform.machine()}"
    packages = [(name, _version(name) or "not installed") for name in _PACKAGES]
    return [("recbole_iacn", __version__), ("Python", python), ("system", system), *packages]


def _extras() -> list[str]:
    """For each extra of the installed package, which of its packages are installed and which are missing."""
    try:
        names = metadata.metadata("recbole_iacn").get_all("Provides-Extra") or []
        requirements = metadata.requires("recbole_iacn") or []
    except metadata.PackageNotFoundError:
        return ["recbole_iacn is not installed; it runs from its source folder."]
    rows = []
    for extra in sorted(set(names) - {"test"}):
        marked = [line for line in requirements if re.search(rf"""extra\s*==\s*["']{re.escape(extra)}["']""", line)]
        versions = {name: _version(name) for name in (re.split(r"[\s;<>=!~\[(]", line)[0] for line in marked)}
        missing = [name for name, version in versions.items() if version is None]
        installed = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        advice = f"{', '.join(missing)}: pip install 'recbole_iacn[{extra}]'" if missing else ""
        rows.append((extra, installed, advice))
    return _table(["extra", "installed", "missing"], rows)


def _devices() -> list[str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = [f"- CPU: {cores} of {os.cpu_count()} cores are available"]
    if _import_error("torch") is None:
        import torch

        lines[0] += f"; PyTorch uses {torch.get_num_threads()} threads"
        cuda = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
        gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        lines.append(f"- GPU, as PyTorch sees it ({cuda}): {', '.join(gpus) or 'none'}")
    lines.append(f"- memory of the machine: {_memory()}")
    variables = [f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
    return [*lines, f"- environment variables: {', '.join(variables) or 'none'}"]


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"
    except (AttributeError, OSError, ValueError):  # not a POSIX system, or one that does not say
        return "unknown"


def _patches(whole: bool) -> list[str]:
    shown = PATCHES if whole else [patch for patch in PATCHES if patch.when == BREAK]
    rest = f"recbole-iacn doctor --patches lists all {len(PATCHES)}, with reasons."
    rows = [_patch_row(patch, whole) for patch in shown]
    if whole:
        return _table(["module of RecBole", "acts here", "what is changed", "why", "issues"], rows)
    return [*_table(["module of RecBole", "acts here", "what is changed"], rows), "", rest]


def _patch_row(patch: Patch, whole: bool) -> tuple[str, ...]:
    try:
        acts = patch.acts()
        here = acts if isinstance(acts, str) else "yes" if acts else "no"
    except Exception as error:  # a broken package must not hide the remaining rows
        here = f"unknown ({_in_one_line(error)})"
    issues = ", ".join(f"RUCAIBox/RecBole#{issue}" for issue in patch.issues)
    return (patch.module, here, patch.what, *((patch.why, issues) if whole else ()))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---" for _ in head], *rows)]
