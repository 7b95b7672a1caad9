"""Wheel, source archive and checkout all carry the YAML files; what importing the package imports."""

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from helpers import in_fresh_process

import recbole_iacn
from recbole_iacn.checks.properties import own_properties, properties_folder

ROOT = Path(__file__).parents[1]


def test_wheel_and_sdist_carry_the_properties(tmp_path):
    source = tmp_path / "source"
    skip = shutil.ignore_patterns(".git", ".venv*", "__pycache__", "*.egg-info", "build", "dist", "demo", "dataset")
    shutil.copytree(ROOT, source, ignore=skip)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path / "out", source],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "out").glob("*.whl")
    (archive,) = (tmp_path / "out").glob("*.tar.gz")
    wanted = {str(path.relative_to(properties_folder())) for path in own_properties()}
    in_wheel = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(archive) as opened:
        in_archive = opened.getnames()
    for name in wanted:
        assert f"recbole_iacn/properties/{name}" in in_wheel
        assert any(entry.endswith(f"/properties/{name}") for entry in in_archive)
    assert "recbole_iacn/nn/capsule.py" in in_wheel
    assert not any(name.startswith("tests") for name in in_wheel)


def test_the_wheels_package_finds_its_properties(tmp_path):
    """As installed: the folder stands inside the package."""
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


def test_importing_the_package_imports_neither_recbole_nor_torch():
    code = """
        import sys, recbole_iacn
        print([name for name in ("recbole", "torch", "pandas", "ray") if name in sys.modules])
    """
    assert in_fresh_process(code).strip() == "[]"


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
