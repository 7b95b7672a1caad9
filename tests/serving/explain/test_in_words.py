"""The words of an explanation, and that it is JSON."""

import json

from recbole_iacn.serving.explain.explanation import Click, ExplainedInterest, ExplainedItem, Explanation, Named, Reason

ALIEN, TOY = Named("1", "Alien"), Named("2", "Toy\nStory", "http://a")


def explanation(**changes):
    clicks = (Click(ALIEN, 0, 5.0, 1, (0.2, 0.8)), Click(TOY, 1, 6.0, 0, (0.9, 0.1)))
    interests = (
        ExplainedInterest(1, 0.75, (0,), (), (), ALIEN, "Horror, Sci-Fi"),
        ExplainedInterest(0, 0.25, (1,), (), (), TOY, "x" * 50),
    )
    reasons = (Reason(1, 0.25), Reason(0, -0.5))
    items = (
        ExplainedItem(Named("3", "Heat"), 1, 0.98765, 1, reasons, (0.1, 0.2), 0.5),
        ExplainedItem(Named("4", "Up"), 2, 0.5, None, (), (), None),
    )
    return Explanation("MIND", "ann", clicks, 3, interests, items, ("A note.",), **changes)


def test_words():
    assert str(explanation()).splitlines() == [
        "MIND, user ann, 2 clicks",
        "  interest 1, 75%: Horror, Sci-Fi; 1 click (Alien)",
        f"  interest 0, 25%: {'x' * 39}…; 1 click (Toy Story)",
        "  1. Heat  0.9877  interest 1",
        "     loses 0.25 without Toy Story",
        "  2. Up  0.5",
        "Note: A note.",
    ]


def test_as_dict_is_json():
    whole = json.loads(json.dumps(explanation().as_dict()))
    assert whole["clicks"][1] == {
        **{"of": {"item": "2", "name": "Toy\nStory", "picture": "http://a"}, "place": 1, "time": 6.0},
        **{"interest": 0, "couplings": [0.9, 0.1]},
    }
    assert whole["items"][0]["reasons"] == [{"place": 1, "loss": 0.25}, {"place": 0, "loss": -0.5}]
