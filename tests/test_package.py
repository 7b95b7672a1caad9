"""Wheel, source archive and checkout contain the YAML files; what is imported is required."""

import ast
import email
import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from helpers import in_fresh_process
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import recbole_iacn
from recbole_iacn.checks.properties import own_properties, properties_folder

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and source archive of the checkout."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    skip = shutil.ignore_patterns(".git", ".venv*", "__pycache__", "*.egg-info", "build", "dist", "demo", "dataset")
    shutil.copytree(ROOT, source, ignore=skip)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "out", source],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "out").glob("*.whl")
    (archive,) = (folder / "out").glob("*.tar.gz")
    return wheel, archive


@pytest.mark.slow
def test_wheel_and_sdist_contain_the_properties(built):
    wheel, archive = built
    expected = {str(path.relative_to(properties_folder())) for path in own_properties()}
    in_wheel = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(archive) as opened:
        in_archive = opened.getnames()
    for name in expected:
        assert f"recbole_iacn/properties/{name}" in in_wheel
        assert any(entry.endswith(f"/properties/{name}") for entry in in_archive)
    parts = [path.name for path in (ROOT / "recbole_iacn" / "serving" / "page" / "files").iterdir()]
    assert {"page.html", "page.css", "main.js"} <= set(parts)
    for name in parts:
        assert f"recbole_iacn/serving/page/files/{name}" in in_wheel
        assert any(entry.endswith(f"/serving/page/files/{name}") for entry in in_archive)
    assert "recbole_iacn/nn/capsule.py" in in_wheel
    assert "recbole_iacn/py.typed" in in_wheel
    assert any(entry.endswith("/recbole_iacn/py.typed") for entry in in_archive)
    assert not any(name.startswith("tests") for name in in_wheel)


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.14"])
def test_all_that_is_imported_is_required(built, python):
    """This package itself requires what it imports, for every Python; the packages of an extra need that extra."""
    archive = zipfile.ZipFile(built[0])
    (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
    required = [Requirement(text) for text in email.message_from_bytes(archive.read(metadata)).get_all("Requires-Dist")]
    extras = ("", "amazon", "onnx", "pictures", "search", "serve", "testing")
    environments = [{"python_version": python, "extra": extra} for extra in extras]
    known = {one.name for one in required if not one.marker or any(map(one.marker.evaluate, environments))}
    # --ray brings its own; RecBole is installed by hand on Python 3.12 and later; who tests a model has pytest.
    elsewhere = {"ray", "recbole", "pytest"}
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "recbole_iacn").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    imported = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) - {"recbole_iacn"}
    distributions = {
        "annotated_types": "annotated-types",
        "faiss": "faiss-cpu",
        "pydantic_core": "pydantic",
        "sklearn": "scikit-learn",
        "yaml": "pyyaml",
    }
    assert {distributions.get(name, name) for name in imported} - elsewhere <= known


@pytest.mark.slow
def test_the_installed_package_finds_its_properties(tmp_path):
    """In an installed package the folder is inside the package."""
    shutil.copytree(ROOT / "recbole_iacn", tmp_path / "recbole_iacn", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "properties", tmp_path / "recbole_iacn" / "properties")
    code = "from recbole_iacn.checks.properties import own_properties; print(own_properties())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert str(tmp_path / "recbole_iacn" / "properties" / "IaCN.yaml") in done.stdout


def test_every_setting_is_documented():
    for path in own_properties():
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not line or line.startswith(("#", " ")) or "# (" in line, f"{path.name}: {line}"


def test_installed_version_is_the_packages():
    assert importlib.metadata.version("recbole_iacn") == recbole_iacn.__version__


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the tested set is that of Python 3.11")
def test_every_python_3_11_can_install_the_tested_set():
    """Debian 12 has 3.11.2, and pip names no package where one needs a later one."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.partition("==") for line in lines if "==" in line]
    pinned = {canonicalize_name(name): SpecifierSet(f"=={version}") for name, _, version in pins}
    every = importlib.metadata.distributions()
    installed = [one for one in every if one.version in pinned.get(canonicalize_name(one.name), SpecifierSet("<0"))]
    assert len(installed) > 100  # all, after make install
    needs = {f"{one.name} {one.version}": SpecifierSet(one.metadata["Requires-Python"] or "") for one in installed}
    assert [name for name, versions in needs.items() if not versions.contains("3.11.0")] == []


@pytest.mark.slow
def test_importing_the_package_imports_neither_recbole_nor_torch():
    code = """
        import sys, recbole_iacn
        print([name for name in ("recbole", "torch", "pandas", "ray") if name in sys.modules])
    """
    assert in_fresh_process(code).strip() == "[]"


@pytest.mark.slow
def test_the_networks_need_no_recbole():
    code = """
        import sys
        sys.modules["recbole"] = None
        import torch
        from recbole_iacn.nn import InterestAwareNetwork
        network = InterestAwareNetwork(embedding_size=4, max_length=3)
        print(tuple(network(torch.ones(2, 3, 4), torch.ones(2, 3, dtype=torch.bool), torch.ones(2, 4)).shape))
    """
    assert in_fresh_process(code).strip() == "(2, 4)"
