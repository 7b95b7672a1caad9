"""Where a test is found: tests/nn/test_capsule.py tests recbole_iacn/nn/capsule.py."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "recbole_iacn"

# What no one module answers for. A test of one module does not belong here.
SUBJECTS = {
    "naming": "this file",
    "package": "wheel, source archive, checkout, and what importing the package imports",
    "cases": "inputs that gave wrong figures in 0.5.0",
    "checks": "all that this package has passes the checks that recbole_iacn.testing offers",
    "community": "what CONTRIBUTING.md, the templates, docs/versions.md and docs/roadmap.md refer to is there",
    "examples": "the notebooks of examples/ run, and show what is committed",
    "faults": "each fault of tests/faults is survived once",
    "figures": "what threads, workers and batch sizes change in the figures",
    "results": "figures of results/README.md that no report prints are those of the published runs",
    "extending": "the examples of docs/extending.md run",
    "picture": "the picture of how it works is what tools/how_it_works.py draws",
    "planted": "every backbone on data whose best score is known",
    "real_data": "the Amazon data, from the files to a batch",
    "readme": "the blocks and commands of README.md and of the pages of docs run",
    "release": "what make release decides, and the citation",
    "rooms": "which room may import which",
    "site": "mkdocs.yml and tools/site_pages.py: every page is in the navigation, every link leads somewhere",
    "settings_fuzz": "a thousand settings, each of which is accepted and trains, or is one line",
    "speed_settings": "workers, pinned memory, mixed precision and torch.compile give the same figures",
    "version_0_5_0": "what version 0.5.0 wrote still opens",
    "strangers": "no way to open a checkpoint runs code from it",
    "tie_order": "what the experiments on MovieLens stand on in benchmarks/: ties, rare films, ComiRec once more",
    "types": "hints on what is public, and the type checker",
}


@pytest.mark.parametrize("path", [str(path.relative_to(TESTS)) for path in sorted(TESTS.rglob("test_*.py"))])
def test_a_test_file_is_named_after_a_module_or_a_subject(path):
    """``nn/test_capsule.py`` or, where one file would be long, ``nn/test_capsule_gradients.py``."""
    room, name = Path(path).parent, Path(path).stem.removeprefix("test_")
    parts = name.split("_")
    stems = ["_".join(parts[:count]) for count in range(len(parts), 0, -1)]
    modules = [room / f"{stem}.py" for stem in stems if (PACKAGE / room / f"{stem}.py").is_file()]
    assert modules or (room == Path() and name in SUBJECTS), (
        f"tests/{path}: name it after the module that it tests (recbole_iacn/{room / name}.py does not exist), "
        "or add its subject to SUBJECTS in tests/test_naming.py"
    )


def test_every_subject_has_a_file():
    assert [name for name in SUBJECTS if not (TESTS / f"test_{name}.py").is_file()] == []
