"""What `make release` decides: files of both archives, Pythons, the example, and when a version is one to publish."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import release
import release_parts as parts
import yaml

import recbole_iacn

ROOT = Path(__file__).parents[1]
TRACKED = [
    "README.md",
    "recbole_iacn/a.py",
    "properties/IaCN.yaml",
    "recbole_iacn_command.py",
    "results/a/runs.jsonl",
    "tests/x.py",
]


def test_a_source_archive_has_the_tracked_files_and_nothing_else():
    names = [name for name in TRACKED if not name.endswith(".jsonl")]
    assert parts.sdist_faults([*names, "PKG-INFO", "recbole_iacn.egg-info/SOURCES.txt"], TRACKED) == []
    (lacks,) = parts.sdist_faults(names[1:], TRACKED)
    assert "lacks README.md" in lacks
    assert "MANIFEST.in" in lacks
    (extra,) = parts.sdist_faults([*names, "notes.txt"], TRACKED)
    assert "notes.txt, which git does not track" in extra


def test_a_source_archive_has_no_data():
    data = ["dataset/shop/shop.inter", "saved/DIN.pth"]
    faults = parts.sdist_faults([*TRACKED, *data], [*TRACKED, *data])
    assert faults == [f"the source archive has data: {name}" for name in data]
    assert (
        parts.sdist_faults([*TRACKED, "tests/version_0_5_0/DIN.pth"], [*TRACKED, "tests/version_0_5_0/DIN.pth"]) == []
    )


def test_a_wheel_has_the_package_and_its_settings():
    names = ["recbole_iacn/a.py", "recbole_iacn/properties/IaCN.yaml", "recbole_iacn_command.py", "x.dist-info/RECORD"]
    assert parts.wheel_faults(names, TRACKED) == []
    lacks, extra = parts.wheel_faults([*names[:1], *names[2:], "tests/x.py"], TRACKED)
    assert "lacks recbole_iacn/properties/IaCN.yaml" in lacks
    assert "has tests/x.py" in extra


def test_a_version_to_publish_is_in_the_changelog_and_the_citation():
    changelog, citation = "# Changelog\n\n## 1.2.0 - 2026-01-31\n", "title: x\nversion: 1.2.0\n"
    assert parts.version_faults("1.2.0", changelog, citation) == []
    assert len(parts.version_faults("1.2.0", "## 1.2.0 (unreleased)\n", "version: 1.1.0\n")) == 2
    (fault,) = parts.version_faults("1.2.0.dev0", changelog, "version: 1.2.0.dev0\n")
    assert "not a version to publish" in fault


def test_the_first_example_trains_few_epochs():
    text = 'x\n```\nno\n```\n```python\nrun({"epochs": 50})\nprint(1)\n```\n```python\nlater()\n```\n'
    assert parts.first_example(text, 2) == 'run({"epochs": 2})\nprint(1)\n'
    with pytest.raises(parts.ReleaseError, match="no block of Python"):
        parts.first_example("text", 1)
    with pytest.raises(parts.ReleaseError, match="epochs"):
        parts.first_example("```python\nprint(1)\n```\n", 1)


def test_what_the_first_example_prints():
    assert parts.not_as_shown(" \n") == "printed nothing"
    assert parts.not_as_shown("0.88\n0  172  0.98  3   NaN\n") == "printed a title that is missing"
    assert parts.not_as_shown("0.88\n0  172  0.98  3   Empire Strikes Back, The\n") == ""


def test_the_readme_begins_with_an_example_that_can_be_tried():
    code = parts.first_example((ROOT / "README.md").read_text(encoding="utf-8"), 1)
    compile(code, "README.md", "exec")
    assert "import recbole_iacn" in code


def test_all_constraints_hold_on_their_own_python_alone():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert parts.constraints("3.11", text) == text
    (torch,) = parts.constraints("3.12", text).splitlines()
    assert torch.startswith("torch==")


def test_recbole_comes_first_where_its_pin_cannot_be_resolved():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert parts.preparation("3.11", text) == []
    assert parts.preparation("3.12", text) == ["--no-deps", "recbole==1.2.1"]


def interpreter(path, version):
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{f'echo {version}' if version else 'exit 127'}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return str(path)


def test_a_python_is_found_on_the_path_or_in_pyenv(tmp_path):
    stand_in = tmp_path / "shims" / "python3.12"  # pyenv's, for a version that is not chosen
    interpreter(stand_in, None)
    interpreter(tmp_path / "pyenv" / "versions" / "3.12.1" / "bin" / "python", "3.12")
    newer = interpreter(tmp_path / "pyenv" / "versions" / "3.12.10" / "bin" / "python", "3.12")
    assert parts.find_python("3.12", str(stand_in.parent), tmp_path / "pyenv") == newer
    own = interpreter(tmp_path / "bin" / "python3.12", "3.12")
    assert parts.find_python("3.12", str(tmp_path / "bin"), tmp_path / "pyenv") == own
    assert parts.find_python("3.13", str(tmp_path / "bin"), tmp_path / "pyenv") is None
    assert parts.version_of(Path(sys.executable)) == f"{sys.version_info.major}.{sys.version_info.minor}"


def git(folder, *words):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=folder, check=True)


def test_what_is_not_committed_is_not_released(tmp_path, monkeypatch):
    root = tmp_path / "root"
    root.mkdir()
    (root / "kept.txt").write_text("kept")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "x")
    monkeypatch.setattr(release, "ROOT", root)
    assert release.checkout(tmp_path / "source") == ["kept.txt"]
    assert (tmp_path / "source" / "kept.txt").read_text() == "kept"
    (root / "new.txt").write_text("new")
    with pytest.raises(release.ReleaseError, match=r"not as in the last commit: new\.txt; commit"):
        release.checkout(tmp_path / "other")


def test_a_command_that_fails_is_named_with_its_last_lines(tmp_path):
    with pytest.raises(release.ReleaseError, match=r"exit code 3\nwhy$"):
        release.run([sys.executable, "-c", "print('why'); raise SystemExit(3)"], tmp_path)


def test_a_command_does_not_see_this_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert release.run([sys.executable, "-c", "import os; print('PYTHONPATH' in os.environ)"], tmp_path) == "False\n"


def test_a_missing_python_fails_only_where_all_are_asked_for(monkeypatch, capsys, tmp_path):
    (tmp_path / "source").mkdir()
    for name in ("CHANGELOG.md", "CITATION.cff"):
        (tmp_path / "source" / name).write_text("")
    built, put = [], []
    monkeypatch.setattr(release, "checkout", lambda folder: [])
    monkeypatch.setattr(release, "find_python", lambda version: None)
    monkeypatch.setattr(release, "build", lambda *parts: built.append(parts) or ("sdist", "wheel"))
    monkeypatch.setattr(release, "metadata", lambda wheel: {"Version": "1.0.0"})
    monkeypatch.setattr(release, "put", put.append)
    chosen = release.argparse.Namespace(pythons=("3.13",), all_pythons=True, final=False)
    with pytest.raises(release.ReleaseError, match=r"3\.13 is not found"):
        release.release(chosen, tmp_path)
    assert not built
    chosen.all_pythons = False
    release.release(chosen, tmp_path)
    assert "not tried: Python 3.13" in capsys.readouterr().out
    assert put == [("sdist", "wheel")]
    chosen.final = True
    with pytest.raises(release.ReleaseError, match="CHANGELOG"):
        release.release(chosen, tmp_path)
    assert len(put) == 1


def test_the_citation_says_this_version_and_both_papers():
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert content["cff-version"] == "1.2.0"
    assert content["version"] == recbole_iacn.__version__
    assert [one["year"] for one in content["references"]] == [2023, 2022]
    assert all(one["title"] and one["authors"] and one["conference"]["name"] for one in content["references"])
