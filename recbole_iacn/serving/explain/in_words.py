"""An explanation as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recbole_iacn.serving.explain.explanation import ExplainedInterest, ExplainedItem, Explanation

_CLICKS, _REASONS, _WIDEST = 3, 3, 40


def in_words(explanation: Explanation) -> str:
    """The interests with their most coupled clicks, and the recommendations with what carries them; then the notes.

    Args:
        explanation: of one history.
    """
    lines = [f"{explanation.model}, user {explanation.user}, {_count(explanation.clicks)}"]
    lines += [_interest(interest, explanation) for interest in explanation.interests]
    for item in explanation.items:
        lines += _item(item, explanation)
    return "\n".join([*lines, *(f"Note: {note}" for note in explanation.notes)])


def _interest(interest: ExplainedInterest, explanation: Explanation) -> str:
    clicks = [_short(explanation.clicks[place].of.name) for place in interest.clicks]
    return (
        f"  interest {interest.number}, {interest.share:.0%}: {_short(interest.label)}; {_count(clicks)}"
        f"{_listed(clicks)}"
    )


def _count(clicks: Sequence[object]) -> str:
    return f"{len(clicks)} click{'' if len(clicks) == 1 else 's'}"


def _listed(clicks: Sequence[str]) -> str:
    if not clicks:
        return ""
    return f" ({', '.join(clicks[:_CLICKS])}{' …' if len(clicks) > _CLICKS else ''})"


def _item(item: ExplainedItem, explanation: Explanation) -> list[str]:
    of = "" if item.interest is None else f"  interest {item.interest}"
    lines = [f"  {item.rank}. {_short(item.of.name)}  {item.score:.4g}{of}"]
    reasons = [reason for reason in item.reasons[:_REASONS] if reason.loss > 0]
    if reasons:
        lost = "; ".join(f"{reason.loss:.3g} without {_short(_name(explanation, reason.place))}" for reason in reasons)
        lines.append(f"     loses {lost}")
    return lines


def _name(explanation: Explanation, place: int) -> str:
    return explanation.clicks[place].of.name


def _short(text: str) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
