"""``recbole-iacn doctor`` prints the diagnosis, and its exit code states whether RecBole runs."""

import pytest

from recbole_iacn.bridge import diagnosis
from recbole_iacn.bridge.diagnosis import Diagnosis
from recbole_iacn.cli import main


@pytest.fixture
def calls_and_outcome(monkeypatch):
    """Replaces the diagnosis; the arguments of each call, and its outcome, which a test can change."""
    calls, outcome = [], {"runs": True}

    def diagnose(all_patches=False):
        calls.append(all_patches)
        return Diagnosis("## Versions", **outcome)

    monkeypatch.setattr(diagnosis, "diagnose", diagnose)
    return calls, outcome


def test_it_prints_the_diagnosis(calls_and_outcome, capsys):
    main(["doctor"])
    main(["doctor", "--patches"])
    assert capsys.readouterr().out == "## Versions\n## Versions\n"
    assert calls_and_outcome[0] == [False, True]


def test_the_exit_code_is_1_if_recbole_does_not_run(calls_and_outcome, capsys):
    calls_and_outcome[1]["runs"] = False
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1 and capsys.readouterr().out == "## Versions\n"


def test_the_help_lists_the_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "versions, devices and patches, for a bug report" in capsys.readouterr().out
