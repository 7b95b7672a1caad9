"""Times as numbers: seconds since 1970, or mere places of a history (0, 1, 2 …)."""

import datetime

import numpy as np

# Times that lie in 1970, as seconds, are places: nobody clicked then.
PLACES_END = 365 * 86_400


def are_places(times: np.ndarray) -> bool:
    """Whether all times are mere places.

    Args:
        times (numpy.ndarray): seconds since 1970 or places, shape (N,).
    """
    return len(times) > 0 and bool((np.abs(times) < PLACES_END).all())


def in_words(time: float) -> str:
    """A time as ``2019-01-02 03:04:05.25`` (UTC), to the microsecond.

    Args:
        time (float): seconds since 1970.
    """
    seconds, micros = divmod(round(time * 1_000_000), 1_000_000)
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return f"{time:f} s"  # no calendar has it
    fraction = f".{micros:06}".rstrip("0") if micros else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}"


def day_in_words(time: float) -> str:
    """The day of a time, as ``2019-01-02``.

    Args:
        time (float): seconds since 1970.
    """
    return in_words(time).partition(" ")[0]
