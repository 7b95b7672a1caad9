"""``recbole-iacn doctor`` prints the diagnosis; its exit code says whether RecBole runs."""

import pytest

from recbole_iacn.bridge import diagnosis
from recbole_iacn.bridge.diagnosis import Diagnosis
from recbole_iacn.cli import main


@pytest.fixture
def asked(monkeypatch):
    """The arguments of each call; set ``runs`` to fake the outcome."""
    calls, outcome = [], {"runs": True}

    def diagnose(all_patches=False):
        calls.append(all_patches)
        return Diagnosis("## Versions", **outcome)

    monkeypatch.setattr(diagnosis, "diagnose", diagnose)
    return calls, outcome


def test_all_well(asked, capsys):
    main(["doctor"])
    main(["doctor", "--patches"])
    assert capsys.readouterr().out == "## Versions\n## Versions\n"
    assert asked[0] == [False, True]


def test_exit_code_1_where_recbole_does_not_run(asked, capsys):
    asked[1]["runs"] = False
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1 and capsys.readouterr().out == "## Versions\n"


def test_help_names_it(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "versions, devices and patches, for a bug report" in capsys.readouterr().out
