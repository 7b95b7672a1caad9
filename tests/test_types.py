"""Type hints: all that is public has them, and a checker finds its wrong use from outside."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "recbole_iacn"

# bridge/ changes RecBole's modules, which have none; nobody outside calls the helpers of the other two.
_WITHOUT = ("bridge/", "checks/settings.py", "quick_start.py")


def unhinted(module):
    """``name, line`` of each public function and method of a module that lacks a hint."""
    found = []

    def walk(body, inside=""):
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                walk(node.body, f"{node.name}.")
            elif isinstance(node, ast.FunctionDef) and (node.name == "__init__" or not node.name.startswith("_")):
                given = node.args
                names = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
                own = [one for one in names if one and one.arg not in ("self", "cls", "ctx")]
                if node.returns is None or any(one.annotation is None for one in own):
                    found.append(f"{inside}{node.name}, line {node.lineno}")

    walk(ast.parse(module).body)
    return found


def test_all_that_is_public_has_hints():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(_WITHOUT):
            assert unhinted(path.read_text(encoding="utf-8")) == [], name


@pytest.mark.parametrize("signature", ["f(a) -> int", "f(a: int)", "f(*a) -> int", "f(*, a) -> int"])
def test_a_missing_hint_is_found(signature):
    assert unhinted(f"class A:\n    def {signature}: ...\n") == ["A.f, line 2"]
    assert unhinted(f"def {signature}: ...\n") == ["f, line 1"]


@pytest.mark.slow
def test_the_checker_knows_the_public_names(tmp_path):
    """PyTorch and NumPy are skipped: reading their hints takes most of a check's time."""
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nignore_missing_imports = True\n"
        "[mypy-torch.*,numpy.*,pandas.*]\nfollow_imports = skip\nfollow_imports_for_stubs = True\n"
    )
    (tmp_path / "use.py").write_text(
        "from recbole_iacn import run\n"
        "from recbole_iacn.data.synthetic import PlantedInterests\n"
        "from recbole_iacn.nn import InterestAwareNetwork\n"
        'PlantedInterests(users=10, noise=0).write("folder").exists()\n'
        'run("DIN_IaCN")\n'
        'run("DIN_IaCN", "ml-100k")["test_result"]\n'
        "auc: str = PlantedInterests().bayes_auc()\n"
        'InterestAwareNetwork("16", max_length=20)\n'
    )
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", "cache", "--no-error-summary", "use.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    lines = [line for line in found.stdout.splitlines() if line.startswith("use.py")]
    assert [line.split(": error: ")[0] for line in lines] == ["use.py:5", "use.py:6", "use.py:7", "use.py:8"], found
    assert 'Missing positional argument "dataset"' in lines[0] and 'expected "int"' in lines[3]
    assert 'Value of type "dict[str, Any] | None" is not indexable' in lines[1]
    assert 'expression has type "float", variable has type "str"' in lines[2]
