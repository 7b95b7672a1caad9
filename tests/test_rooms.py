"""The package's rooms: no import runs upward, few loose files, no two files of one name."""

import ast
import re
import sys
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "recbole_iacn"

# From the ground up; a room may import those below it, and its own.
FLOORS = [
    ("version", "errors"),
    ("system",),
    ("names",),
    ("nn",),
    ("parallel",),
    ("data", "settings"),
    ("checks",),
    ("model",),
    ("training",),
    ("bridge",),
    ("bundle",),
    ("building",),
    ("serving",),
    ("quick_start", "testing", "interests"),
    ("experiments",),
    ("report",),
    ("cli",),
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports():
    """(file, room, room that it imports), also where the import stands inside a function."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path == PACKAGE / "__init__.py":
            continue  # the face: it imports what it shows
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                package, _, rest = name.partition(".")
                if package == "recbole_iacn":
                    yield path.relative_to(PACKAGE).as_posix(), room_of(path), rest.partition(".")[0]


def test_every_room_has_a_floor():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms == set(FLOOR)


def test_the_design_names_every_module():
    """In docs/design.md, in the line of its room."""
    page = (PACKAGE.parent / "docs" / "design.md").read_text(encoding="utf-8")
    rooms = dict(re.findall(r"^\| `([a-z/]+)/` \|(.*)$", page, re.MULTILINE))
    assert len(rooms) > 15
    missing = [
        path.relative_to(PACKAGE).as_posix()
        for room, line in rooms.items()
        for path in sorted((PACKAGE / room).glob("*.py"))
        if not path.name.startswith("__") and f"`{path.stem}`" not in line
    ]
    assert not missing


def test_no_import_runs_upward():
    upward = {(file, to) for file, room, to in imports() if to in FLOOR and FLOOR[to] > FLOOR[room]}
    assert upward == set()
    sideways = {(file, to) for file, room, to in imports() if to != room and to in FLOOR and FLOOR[to] == FLOOR[room]}
    assert not sideways


def test_nobody_imports_the_face():
    """It imports what it shows, which is everything."""
    assert [file for file, _, to in imports() if to not in FLOOR] == []


def test_the_mathematics_is_pytorch_alone():
    assert {to for _, room, to in imports() if room == "nn"} == {"nn"}
    nodes = [n for path in (PACKAGE / "nn").glob("*.py") for n in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) == {"recbole_iacn", "torch"}


def test_no_import_is_relative():
    """It would not be seen above."""
    for path in PACKAGE.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level], path


def test_at_most_six_files_lie_loose():
    assert len([path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]) <= 6


def test_no_two_files_have_one_name():
    names = Counter(path.name for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))
    assert [name for name, count in names.items() if count > 1] == []
