"""recbole-iacn --import MODULE COMMAND: the user's own models on the command line."""

import sys
from pathlib import Path

import pytest

from recbole_iacn.cli import main, own_modules
from recbole_iacn.errors import ConfigError

OWN = """
import recbole_iacn
from recbole.model.context_aware_recommender.deepfm import DeepFM


class Mine(DeepFM):
    pass


recbole_iacn.interest_aware(Mine)
"""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """A module of one test is not there in the next."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("own_models", "own_faulty", "own_needy"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_a_bundle_of_an_own_model_opens(data_path, capsys):
    Path("own_models.py").write_text(OWN)
    columns = "{'inter':['user_id','item_id','timestamp'],'item':['item_id','categories']}"
    train = ["train", "--model=Mine_IaCN", "--dataset=tiny", f"--data_path={data_path}", f"--load_col={columns}"]
    small = ["--epochs=1", "--MAX_ITEM_LIST_LENGTH=6", "--bundle=mine", "--show_progress=False"]
    main(["--import", "own_models", *train, *small])
    asked = ["recommend", "mine", f"--events={data_path}/tiny/tiny.inter", "--k=2"]
    main(["--import=own_models", *asked, "--out=best.csv"])
    assert len(Path("best.csv").read_text().splitlines()) > 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--import", "own_lost", "doctor"], "import: there is no module 'own_lost', neither in "),
        (["--import", "own_faulty", "doctor"], "own_faulty.py:2: ZeroDivisionError("),
        (["--import", "own_needy", "doctor"], "import: own_needy needs the module not_there, which is not installed"),
        (["--import", "mine.py/..", "doctor"], "import: needs the name of a module"),
        (["--import"], "import: needs the name of a module"),
        (["train", "--import=mine"], "import: stands before the command, as in recbole-iacn --import mine train …"),
        (["recommend", "mine", "--import", "mine"], "import: stands before the command"),
        (["--import", "json", "experiment", "x.yaml"], "import: the runs of experiment are processes of their own"),
    ],
)
def test_a_wrong_module_is_one_line(arguments, message, capsys):
    Path("own_faulty.py").write_text("\n1 / 0\n")
    Path("own_needy.py").write_text("import not_there\n")
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr().err
    assert ended.value.code == 2 and message in printed and printed.count("\n") == 1


def test_the_command_line_goes_on_behind_the_flags():
    given = ["--import", "json", "--import=csv", "train", "--epochs=2"]
    assert own_modules.import_named(given) == ["train", "--epochs=2"]
    assert own_modules.import_named(["train", "--seed=1"]) == ["train", "--seed=1"]
    with pytest.raises(ConfigError, match="got ''"):
        own_modules.import_named(["--import="])
