"""The command recbole-iacn serve, with bundles of trained models."""

import os
import re
import signal
import socket
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")
from served import ask, process

import recbole_iacn
from recbole_iacn.cli import main
from recbole_iacn.serving.service.opening import opener
from recbole_iacn.serving.service.secret import VARIABLE

TOKEN = "sesame-sesame-sesame"


@pytest.fixture(scope="module")
def bundles(settings_of, tmp_path_factory):
    """Folders of bundles by the model's name, with random weights."""
    folder = tmp_path_factory.mktemp("bundles")
    for name in ("MIND", "DIN_IaCN"):
        recbole_iacn.build(name, "tiny", config_dict=settings_of()).save(folder / name)
    return folder


def failure(capsys, *arguments):
    """The one line on which the command ends, with code 2."""
    with pytest.raises(SystemExit) as end:
        main(["serve", *map(str, arguments)])
    assert end.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_a_bundle_that_is_none(capsys, tmp_path):
    assert str(tmp_path / "nothing") in failure(capsys, tmp_path / "nothing", "--port", 0)


@pytest.mark.slow
def test_a_damaged_bundle(capsys, bundles, tmp_path):
    import shutil

    shutil.copytree(bundles / "MIND", tmp_path / "damaged")
    path = tmp_path / "damaged" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "weights.safetensors" in failure(capsys, tmp_path / "damaged", "--port", 0)


def test_a_port_in_use_is_said_before_the_bundle_is_read(capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = f"error: port: {port} of 127.0.0.1 is in use; give another --port, or --port 0 for any free one"
        assert failure(capsys, tmp_path / "nothing", "--port", port) == line


def test_wrong_options(capsys, tmp_path, monkeypatch):
    assert failure(capsys, "b", "--max-k", 0) == "error: max_k: must be a number above 0, got 0"
    assert failure(capsys, "b", "--threads", 0) == "error: threads: must be at least 1, got 0"
    monkeypatch.setenv(VARIABLE, "short")
    assert failure(capsys, "b").startswith(f"error: {VARIABLE}: the token must be one line of at least 16")
    assert failure(capsys, "b", "--token", TOKEN).startswith("error: --token: there is no such option. Did you mean")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_bundle_is_served_until_sigint(bundles, tmp_path):
    """Recommendations, scores and interests equal those of the same bundle in this process."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    command = [sys.executable, "-c", "from recbole_iacn.cli import main; main()", "serve", str(bundles / "MIND")]
    command += ["--port", "0", "--token-file", str(tmp_path / "token"), "--max-k", "5"]
    known = recbole_iacn.load(bundles / "MIND")
    histories = [known.items[:3].tolist(), [], [known.items[4], "nobody knows it"]]
    with process(command, [Path(recbole_iacn.__file__).parents[1]]) as server:
        port = int(re.search(r":(\d+);", server.stdout.readline())[1])
        got = ask(port, "/recommend", {"histories": histories, "k": 4}, TOKEN)[1]
        scores = ask(port, "/score", {"histories": histories, "items": known.items[:2].tolist()}, TOKEN)[1]["scores"]
        interests = ask(port, "/interests", {"histories": histories}, TOKEN)[1]["interests"]
        assert ask(port, "/recommend", {"histories": histories, "k": 6}, TOKEN)[0] == 422
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 130 and server.stdout.read() == ""
    table = known.recommend(histories, 4)
    assert got["unknown"] == {"item_id": 1}
    for number, row in enumerate(got["recommendations"]):
        expected = table[table["user_id"] == number]
        assert row["items"] == expected["item_id"].tolist()
        np.testing.assert_allclose(row["scores"], expected["score"], atol=1e-6)
    np.testing.assert_allclose(scores, known.score(histories, known.items[:2].tolist()), atol=1e-6)
    expected = known.interests(histories)
    for number, row in enumerate(interests):
        assert row["items"] == expected.items[number].tolist()
        assert row["belongs"] == expected.belongs[number].tolist()
        np.testing.assert_allclose(row["vectors"], expected.vectors[number], atol=1e-6)
        np.testing.assert_allclose(row["shares"], expected.shares[number], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["MIND", "DIN_IaCN"])
def test_requests_that_are_scored_together_get_the_scores_of_each_alone(bundles, model):
    """Histories of different lengths are padded to one; k, users and unknown tokens stay those of each request."""
    from recbole_iacn.serving.service.answers import Answers
    from recbole_iacn.serving.service.bodies import Recommend
    from recbole_iacn.serving.service.live import Live
    from recbole_iacn.serving.service.meters import Meters

    answers = Answers(Live(opener(bundles / model), Meters(())), Meters(()))
    items = recbole_iacn.load(bundles / model).items.tolist()
    several = [
        Recommend(histories=[items[:5]], k=3),
        Recommend(histories=[[], items[2:4]], k=1),
        Recommend(histories=[[items[0], "unknown"]], k=2, exclude_seen=False),
        Recommend(histories=[items[3:4] * 9], k=4),
    ]
    together = answers(several)
    for body, answer in zip(several, together):
        (alone,) = answers([body])
        assert answer["unknown"] == alone["unknown"]
        for row, expected in zip(answer["recommendations"], alone["recommendations"], strict=True):
            assert row["items"] == expected["items"] and len(row["items"]) == body.k
            np.testing.assert_allclose(row["scores"], expected["scores"], atol=1e-5)
    assert [answer["unknown"] for answer in together] == [{}, {}, {"item_id": 1}, {}]


@pytest.mark.slow
def test_a_retriever_finds_what_the_bundle_ranks(bundles):
    """The service of two bundles answers as their pipeline does."""
    pytest.importorskip("faiss")
    from recbole_iacn.serving.service.answers import Answers
    from recbole_iacn.serving.service.bodies import Interests, Recommend
    from recbole_iacn.serving.service.live import Live
    from recbole_iacn.serving.service.meters import Meters

    live = Live(opener(bundles / "DIN_IaCN", bundles / "MIND", candidates=5), Meters(()))
    assert [live.current.facts[name] for name in ("model", "retriever_model")] == ["DIN_IaCN", "MIND"]
    retriever, ranker = (recbole_iacn.load(bundles / name) for name in ("MIND", "DIN_IaCN"))
    histories = [ranker.items[:4].tolist(), [ranker.items[5], "nobody knows it"]]
    several = [
        Recommend(histories=histories[:1], k=3),
        Recommend(histories=histories[1:], k=2),
        Interests(histories=histories),
    ]
    first, second, interests = Answers(live, Meters(()))(several)
    table = recbole_iacn.Recommender.pipeline(retriever, ranker).recommend(histories, 3, candidates=5)
    expected = [table[table["user_id"] == number] for number in (0, 1)]
    assert first["recommendations"][0]["items"] == expected[0]["item_id"].tolist()
    assert second["recommendations"][0]["items"] == expected[1]["item_id"].tolist()[:2]
    np.testing.assert_allclose(first["recommendations"][0]["scores"], expected[0]["score"], atol=1e-5)
    assert second["unknown"] == {"item_id": 1, "retriever_item_id": 1}
    vectors = retriever.interests(histories).vectors
    np.testing.assert_allclose([row["vectors"] for row in interests["interests"]], vectors, atol=1e-6)
