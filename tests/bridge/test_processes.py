"""Workers of loaders belong to their process."""

import signal
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_worker_is_a_child_that_hears_no_ctrl_c_and_a_loader_s_own_function_is_called(build, tmp_path):
    def own(number):
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        Path(tmp_path, f"worker{number}").write_text(f"{ignored} {signal.getsignal(signal.SIGTERM) == signal.SIG_DFL}")

    loader = build(worker=2)[1]
    loader.worker_init_fn = own
    assert len(list(loader)) == len(loader)
    assert [Path(tmp_path, f"worker{number}").read_text() for number in (0, 1)] == ["True True"] * 2
    assert loader.worker_init_fn is own
