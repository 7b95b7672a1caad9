"""What few runs call is imported when it is called."""

import subprocess
import sys
import textwrap

import pytest


def in_a_new_process(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.slow
def test_a_model_is_found_without_scikit_learn_and_tensorboard():
    """RecBole's own look-up imports the models of the folders before, its metrics scikit-learn, and so on."""
    assert in_a_new_process("""
        import sys
        import recbole_iacn, recbole.quick_start
        from recbole.utils import get_model
        print(get_model("DIN").__name__, get_model("DIN_IaCN").__name__, get_model("MIND").__name__)
        print([n for n in ("sklearn", "scipy.stats", "tensorboard", "torch.utils.tensorboard") if n in sys.modules])
        """) == ["DIN", "DIN_IaCN", "MIND", "[]"]


@pytest.mark.slow
def test_the_functions_are_the_real_ones_when_they_are_called():
    assert in_a_new_process("""
        import sys
        import recbole_iacn, recbole.evaluator.metrics as metrics
        import sklearn.metrics
        print(metrics.sk_auc([0, 1], [0, 1]), float(metrics.mean_absolute_error([1, 2], [2, 4])))
        print(sklearn.metrics.auc([0, 1], [0, 1]))
        from recbole.utils import utils
        from torch.utils.tensorboard import SummaryWriter
        print(SummaryWriter.__module__, utils.SummaryWriter.__name__)
        """) == ["0.5", "1.5", "0.5", "torch.utils.tensorboard.writer", "SummaryWriter"]


def test_every_model_is_the_one_that_the_original_finds():
    import recbole.utils.utils

    from recbole_iacn.names import recbole_models

    found = recbole.utils.utils.get_model
    compared = 0
    for name in recbole_models():
        try:
            original = found.__wrapped__(name)
        except (ImportError, AttributeError):  # needs a package that is not installed
            continue
        assert found(name) is original
        compared += 1
    assert compared > 80
    for function in (found, found.__wrapped__):  # where LightGBM is missing, the original speaks of that
        with pytest.raises((ValueError, ModuleNotFoundError), match=r"Nothing|lightgbm|xgboost"):
            function("Nothing")
