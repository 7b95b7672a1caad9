"""What the times of a column are is found out, reported and written exactly; the right values are those of pandas."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("duckdb")


def table(*times):
    return "user,item,time\n" + "".join(f"u,{k},{time}\n" for k, time in enumerate(times))


def written(files):
    """Cells of time, by the item's number."""
    rows = sorted((int(item), time) for _, item, time, *_ in (line.split("\t") for line in files["inter"][1:]))
    return [time for _, time in rows]


ISO = [
    "2019-01-02",
    "2019-01-02 03:04",
    "2019-01-02T03:04:05",
    "2019-01-02T03:04:05Z",
    "2019-01-02 03:04:05.000001",
    "2019-01-02T03:04:05.123456+05:30",
    "2019-01-02T03:04:05-0800",
    "2019-01-02 03:04:05 UTC",
    "1969-12-31T23:59:58.5Z",
    "1500-01-01",
]


def test_iso_8601_is_that_of_pandas(convert):
    manifest, files = convert(table(*ISO))
    stamps = [pd.Timestamp(time.replace(" UTC", "Z")) for time in ISO]
    micros = [(stamp.tz_convert(None) if stamp.tz else stamp).as_unit("us")._value for stamp in stamps]
    assert [round(float(time) * 1_000_000) for time in written(files)] == micros
    assert written(files)[4:6] == ["1546398245.000001", "1546378445.123456"] and written(files)[-2] == "-1.5"
    assert manifest["time"]["in_1970_or_after_2100"] is True


@pytest.mark.parametrize(
    "unit, words", [("s", "seconds"), ("ms", "milliseconds"), ("us", "microseconds"), ("ns", "nanoseconds")]
)
@pytest.mark.parametrize("how", ["csv", "integers", "dates", "dates with a zone"])
def test_units_are_found_by_their_magnitude(convert, unit, words, how):
    stamps = pd.to_datetime(["1975-06-01 00:00:01", "2019-01-02 03:04:05", "2099-12-31 23:59:59"]).as_unit(unit)
    if unit != "s":
        stamps += pd.Timedelta(7, unit="ms" if unit == "ms" else "us")
    stamps = stamps.as_unit(unit)
    numbers = stamps.astype("int64").to_numpy()
    if how == "csv":
        manifest, files = convert(table(*numbers))
    else:
        times = {"integers": numbers, "dates": stamps, "dates with a zone": stamps.tz_localize("Europe/Berlin")}[how]
        manifest, files = convert(pd.DataFrame({"user": "u", "item": range(3), "time": times}))
    if how == "dates with a zone":
        numbers = stamps.tz_localize("Europe/Berlin").tz_convert("UTC").tz_localize(None).astype("int64").to_numpy()
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    micros = [int(number) * 10**6 // per_second for number in numbers]
    expected = [f"{micro // 10**6}.{micro % 10**6:06}".rstrip("0").rstrip(".") for micro in micros]
    assert written(files) == expected
    kind = manifest["time"]["kind"]
    assert kind == (f"{words} since 1970" if how in ("csv", "integers") else kind) and kind.startswith((words, "dates"))
    assert not manifest["time"]["in_1970_or_after_2100"]


def test_fractions_of_seconds_are_kept(convert):
    times = ["1546398245.123456", "1.546398245e9", "1546398245.5", "1546398245"]
    assert written(convert(table(*times))[1]) == ["1546398245.123456", "1546398245", "1546398245.5", "1546398245"]
    frame = pd.DataFrame({"user": "u", "item": range(4), "time": [float(time) for time in times]})
    assert written(convert(frame)[1]) == ["1546398245.123456", "1546398245", "1546398245.5", "1546398245"]


def test_what_is_cut_off_is_counted(convert):
    manifest, files = convert(table(1_546_398_245_123_456_789, 1_546_398_245_123_456_000))
    assert written(files) == ["1546398245.123456"] * 2 and manifest["time"]["rounded_to_microseconds"] == 1
    manifest, files = convert(table("2019-01-02T03:04:05.1234567Z", "2019-01-02T03:04:05.1234560Z"))
    assert written(files) == ["1546398245.123456"] * 2 and manifest["time"]["rounded_to_microseconds"] == 1


def test_places_stay_places(convert):
    manifest, files = convert(table(0, 1, 2, 35))
    assert written(files) == ["0", "1", "2", "35"] and manifest["time"]["range"] == "places, not times, 0 to 35"
    assert manifest["time"]["in_1970_or_after_2100"] is False


@pytest.mark.parametrize("times, form", [((20190102, 20200229), "%Y%m%d"), ((20190102030405,), "%Y%m%d%H%M%S")])
def test_compact_dates_are_dates(convert, times, form):
    manifest, files = convert(table(*times))
    assert written(files) == [f"{pd.to_datetime(str(time), format=form).timestamp():.0f}" for time in times]
    assert manifest["time"]["kind"] == f"dates written as {form}"


def test_a_format_of_ones_own(convert, rejected):
    times = ["02/01/2019 03:04", "31/12/2019 23:59"]
    _, files = convert(table(*times), time_format="%d/%m/%Y %H:%M")
    assert written(files) == [f"{pd.to_datetime(one, format='%d/%m/%Y %H:%M').timestamp():.0f}" for one in times]


def test_a_unit_that_is_given_is_taken(convert):
    manifest, files = convert(table(1_500_000, 2_000_000), time_unit="s")
    assert written(files) == ["1500000", "2000000"] and manifest["time"]["in_1970_or_after_2100"] is True
    assert written(convert(table(1_500_000_000), time_unit="ms")[1]) == ["1500000"]


@pytest.mark.parametrize(
    "times, options, message",
    [
        (("2019-01-02", "yesterday"), {}, "events.csv, line 3: 'yesterday' is not a time such as 2019-01-02T03:04:05Z"),
        (("yesterday", "today"), {}, "events.csv, line 2: 'yesterday' is not a time"),
        (("20190131", "20190230", "20190228"), {}, "events.csv, line 3: '20190230' is not a time"),
        (("20190131", "2019031", "20190228"), {}, "events.csv, line 3: '2019031' is not a time"),
        (
            ("1/2/2019", "2019-01-02"),
            {"time_format": "%d/%m/%Y"},
            "events.csv, line 3: '2019-01-02' is not written as '%d/%m/%Y' says (--time-format)",
        ),
        (("1/2/2019",), {"time_format": "%Q"}, "time-format: '%Q' is not in the notation of strptime"),
        (("2019-02-30", "2019-01-01"), {}, "events.csv, line 2: '2019-02-30' is not a time"),
        (("2019-01-01", "infinity"), {}, "events.csv, line 3: 'infinity' is not a time"),
        (("1500000000", "n/a", "1500000000"), {}, "events.csv, line 3: 'n/a' is not a time"),
        (
            ("1500000000", "1500000001", "1500000000000"),
            {},
            "events.csv, line 4: the time 1500000000000 would be milliseconds since 1970, and most others are seconds",
        ),
        (
            ("12345678901", "12345678902"),
            {},
            "events.csv: the times, such as 12345678901, are neither s, ms, us nor ns",
        ),
        (("2019-01-02",), {"time_format": "%d/%m/%Y"}, "events.csv, line 2: '2019-01-02' is not written as"),
        (
            ("1",),
            {"time_format": "%Y", "time_unit": "s"},
            "time-format: is for times that are text, time-unit for numbers",
        ),
    ],
)
def test_what_is_no_time_is_named(rejected, times, options, message):
    assert rejected(table(*times), **options).startswith(message)


def test_times_that_float32_has_rounded_are_rejected(rejected):
    frame = pd.DataFrame({"user": "a", "item": ["x", "y"], "time": np.array([1, 2**24 + 2], np.float32)})
    assert rejected(frame).startswith("events: the times are float32, which rounds those of today to 128 s")


def test_places_may_be_float32(convert):
    frame = pd.DataFrame({"user": "a", "item": [0, 1], "time": np.array([1, 2**24], np.float32)})
    assert written(convert(frame)[1]) == ["1", str(2**24)]


def test_a_zero_among_seconds_is_no_other_unit(convert):
    manifest, files = convert(table(0, 1_500_000_000, 1_500_000_001))
    assert written(files) == ["0", "1500000000", "1500000001"] and manifest["time"]["in_1970_or_after_2100"] is True
