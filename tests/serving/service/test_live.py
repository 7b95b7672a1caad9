"""What is served: one model, or one that finds and one that ranks. Reloads are in test_application.py."""

import threading
from collections import Counter

import pytest
import torch

pytest.importorskip("prometheus_client")
from served import HandMade

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.service.answers import Answers, _kind
from recbole_iacn.serving.service.bodies import Recommend
from recbole_iacn.serving.service.live import Live, Served
from recbole_iacn.serving.service.meters import Meters


class HandMadePipeline:
    """Finds the items d and e for everybody, and ranks them backwards. Its retriever does not know h."""

    index = range(8)

    def __init__(self, ranker):
        self.ranker = ranker

    def rows(self, histories, times=None, users=None):
        of_retriever = self.ranker.rows(histories)
        of_retriever.unknown = Counter(item_id=sum(history.count("h") for history in histories))
        return of_retriever, self.ranker.rows(histories, times, users)

    def best(self, of_retriever, of_ranker, k, exclude_seen, among, candidates):
        assert len(of_retriever) == len(of_ranker)
        self.asked = (k, exclude_seen, among, candidates)
        found = torch.tensor([[5, 4, *[0] * k][:k]]).expand(len(of_ranker), -1)
        return found, torch.where(found > 0, found.float(), -torch.inf)


@pytest.fixture
def answers():
    ranker = HandMade()
    served = Served(ranker, HandMadePipeline(ranker), {"bundle": "two"}, candidates=5)
    return Answers(Live(lambda: served, Meters(())), Meters(()))


def test_a_pipeline_answers_in_the_recommenders_place(answers):
    """Tokens that the retriever alone does not know are counted apart; fewer than k are found."""
    several = [Recommend(histories=[["a", "h"]], k=1), Recommend(histories=[["zz"], []], k=3)]
    first, second = answers(several)
    assert first == {
        "recommendations": [{"items": ["e"], "scores": [5.0]}],
        "unknown": {"retriever_item_id": 1},
        "bundle": "two",
    }
    assert [row["items"] for row in second["recommendations"]] == [["e", "d"]] * 2
    assert second["unknown"] == {"item_id": 1}
    assert answers._live.current.pipeline.asked == (3, True, None, 5)


def test_k_above_the_candidates_is_one_line(answers):
    (error,) = answers([Recommend(histories=[["a"]], k=6)])
    assert str(error) == "k: at most 5, which the retriever finds (--candidates), got 6"


def test_what_among_names_reaches_the_pipeline_as_ids(answers):
    (answer,) = answers([Recommend(histories=[["a"]], k=1, among=["c", "a", "c", "zz"], exclude_seen=False)])
    k, exclude_seen, among, _ = answers._live.current.pipeline.asked
    assert (k, exclude_seen, among.tolist()) == (1, False, [1, 3])
    assert answer["unknown"] == {"among": 1}


def test_one_body_that_fails_leaves_the_others(answers):
    """The fault of a model, too: h alone makes this one fail."""
    alone = Served(HandMade(), None, {"bundle": "one"})
    answers = Answers(Live(lambda: alone, Meters(())), Meters(()))
    good, fault, large = answers([Recommend(histories=[[one]], k=k) for one, k in (("a", 2), ("h", 2), ("a", 9))])
    assert good["recommendations"][0]["items"] == ["b", "h"]
    assert isinstance(fault, ZeroDivisionError)
    assert str(large) == "k: must be from 1 to 8, got 9"


@pytest.fixture
def of_one():
    """The answers of one model, without a retriever."""
    served = Served(HandMade(), None, {"bundle": "one"})
    return Answers(Live(lambda: served, Meters(())), Meters(()))


def test_a_longer_history_beside_a_shorter_one_stays_whole(of_one):
    found = of_one([Recommend(histories=[["a"]], k=1), Recommend(histories=[["a", "b", "c"]], k=1)])
    assert [answer["recommendations"][0]["items"] for answer in found] == [["b"], ["d"]]


def test_what_has_other_columns_is_not_scored_together():
    """Joined rows have the same columns."""
    given = [None, ["u1"], {"age": ["2"]}, {"tab": ["t1"]}, {"age": ["2"], "tab": ["t1"]}]
    assert len({_kind(Recommend(histories=[["a"]], users=users)) for users in given}) == 5
    one, other = ({"age": ["2"], "tab": ["t1"]}, {"tab": ["t2"], "age": ["3"]})
    assert _kind(Recommend(histories=[["a"]], users=one)) == _kind(Recommend(histories=[["b"]], users=other))


def test_a_second_reload_does_not_wait_for_the_first():
    entered, go, first = threading.Event(), threading.Event(), iter([True])

    def load():
        if next(first, False):
            return Served(HandMade(), None, {"bundle": "one"})
        entered.set()
        assert go.wait(20)
        return Served(HandMade(), None, {"bundle": "two"})

    live = Live(load, Meters(()))
    thread = threading.Thread(target=live.reload)
    thread.start()
    assert entered.wait(20)
    threading.Timer(5, go.set).start()  # a second reload that waits would be a third load
    with pytest.raises(ConfigError, match=r"^reload: another one is going on; try again when it has ended$"):
        live.reload()
    assert live.current.facts["bundle"] == "one"
    go.set()
    thread.join(20)
    assert live.current.facts["bundle"] == "two"
