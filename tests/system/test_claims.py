"""Of two that write to one place the second is told, and a dead one's claim is nobody's."""

import re
import subprocess
import sys
import threading

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import claims, leftovers

HOLDER = """
import sys, time
from recbole_iacn.system.claims import claimed
with claimed(sys.argv[1], "a long experiment"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "place")], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_the_second_process_is_told_who_is_at_work(holder, tmp_path):
    message = (
        rf"place: a long experiment \(process {holder.pid} on \S+, since \d\d:\d\d:\d\d\) is at work there; go away"
    )
    with pytest.raises(ConfigError, match=message), claims.claimed(tmp_path / "place", "another", "go away"):
        pass
    with pytest.raises(ConfigError, match=message):
        claims.check_free(tmp_path / "place", "go away")


def test_a_claim_ends_with_its_process(holder, tmp_path):
    assert leftovers.sweep(tmp_path) == 0 and len(list(tmp_path.iterdir())) == 1
    holder.kill()
    holder.wait()
    claims.check_free(tmp_path / "place")
    with claims.claimed(tmp_path / "place", "another"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_dead_claim_is_swept(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert leftovers.sweep(tmp_path) == 1 and not list(tmp_path.iterdir())


def test_a_thread_may_claim_again_and_another_may_not(tmp_path):
    refused = []

    def other():
        try:
            with claims.claimed(tmp_path / "place", "another"):
                pass
        except ConfigError as error:
            refused.append(str(error))

    with claims.claimed(tmp_path / "place", "one"), claims.claimed(tmp_path / "place", "one"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1 and re.search(r"place: one \(process \d+", refused[0])
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert len(refused) == 1 and not list(tmp_path.iterdir())


def test_a_link_is_the_place_that_it_leads_to(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "place")
    with claims.claimed(tmp_path / "place", "one"):
        thread_refused = []

        def other():
            with pytest.raises(ConfigError, match="is at work there"), claims.claimed(tmp_path / "link", "another"):
                pass
            thread_refused.append(True)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert thread_refused


def test_nothing_is_written_for_a_look(tmp_path):
    claims.check_free(tmp_path / "not" / "there")
    assert not list(tmp_path.iterdir())


def test_a_function_holds_the_place_that_a_parameter_names(tmp_path):
    @claims.alone_in("folder", "a test")
    def work(first, folder=tmp_path / "default"):
        (claim,) = folder.parent.glob(".*.partial-claim")
        return first, claim.name

    assert work(1, tmp_path / "given") == (1, ".given.partial-claim")
    assert work(folder=tmp_path / "named", first=2) == (2, ".named.partial-claim")
    assert work(3) == (3, ".default.partial-claim")
