"""When a render is asked about next."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.polls import Duration, Tally, lognormal, of_two_kinds, simulate, with_a_queue
from bot.tracker.polls import Moment, PollLog
from bot.tracker.render_times import COUNTED, NOTHING_MEASURED, Measured, RenderKey
from bot.tracker.schedule import Times, next_poll, slow_from
from tests.factories import NOON

TIMES = Times()
KIND = RenderKey(provider="judge", model="judge/clip", duration_s=5, resolution="720p")

measured = st.lists(st.floats(0.01, 20_000), max_size=60).map(Measured.of)
typical = st.none() | st.floats(0.1, 3_600)
seeds = st.integers(0, 2**32).map(random.Random)


def waits(
    known: Measured, typical_s: float | None, times: Times, seed: int, until_s: float
) -> list[tuple[float, float]]:
    """Ages and the waits decided on at them, from the start on."""
    rng, age, found = random.Random(seed), 0.0, []
    while age < until_s:
        wait = next_poll(timedelta(seconds=age), known, typical_s, times, rng).total_seconds()
        found.append((age, wait))
        age += wait
    return found


@given(
    age_s=st.floats(-1e6, 1e6),
    known=measured,
    typical_s=typical,
    fastest_s=st.floats(0.05, 60),
    factor=st.floats(0.2, 1.0),
    rng=seeds,
)
def test_never_faster_than_allowed_and_never_for_ever(
    age_s: float, known: Measured, typical_s: float | None, fastest_s: float, factor: float, rng: random.Random
) -> None:
    """Whatever was measured, also when the clock was set back or the setting is slower than everything else."""
    times = Times(poll_fastest=timedelta(seconds=fastest_s))

    wait = next_poll(timedelta(seconds=age_s), known.begun_sooner(factor), typical_s, times, rng)

    assert times.poll_fastest <= wait <= timedelta(hours=1)
    slow = max(slow_from(known, times).total_seconds(), times.render_slow_after.total_seconds())
    if age_s < slow:
        assert wait <= max(times.poll_fastest, times.poll_sparse)


@given(known=measured, typical_s=typical, rng=seeds)
def test_the_polls_of_a_render_that_never_ends_become_rare(
    known: Measured, typical_s: float | None, rng: random.Random
) -> None:
    """Gradually after the last window, then every ten minutes, then hourly."""
    slow_s = slow_from(known, TIMES).total_seconds()
    last = known.windows[-1].ends_s if known.windows else 2 * (typical_s or 0.0)

    def wait_at(age_s: float) -> float:
        return next_poll(timedelta(seconds=age_s), known, typical_s, TIMES, rng).total_seconds()

    assert wait_at(slow_s + 1) in (600.0, 3600.0)
    assert wait_at(max(slow_s, 6 * 3600) + 1) == 3600.0
    beyond = last + 200
    if beyond < slow_s:
        assert 9 <= wait_at(beyond) <= 10


def test_unusually_long_is_never_less_than_three_times_the_ninth_decile() -> None:
    """A model that takes twenty minutes is not slow after half an hour."""
    slow_model = Measured.of([1200.0] * 20)

    assert slow_from(NOTHING_MEASURED, TIMES) == timedelta(minutes=30)
    assert slow_from(slow_model, TIMES) == timedelta(hours=1)
    assert next_poll(timedelta(minutes=45), slow_model, None, TIMES, random.Random(1)) <= timedelta(seconds=10)


def test_sparse_before_an_end_is_plausible_dense_around_it_rarer_after() -> None:
    """Twenty renders of about a minute: one early look, one when half a minute passed, each second in the window."""
    known = Measured.of(
        [60 + spread for spread in (-9, -7, -6, -5, -4, -3, -2, -2, -1, 0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 9)]
    )
    (window,) = known.windows

    found = waits(known, None, TIMES, 1, 300)

    before = [age for age, _ in found if 0 < age < window.begins_s]
    assert len(before) == 2
    assert 4 <= before[0] <= 6
    inside = [wait for age, wait in found if window.begins_s <= age < window.ends_s]
    assert set(inside) == {1.0}
    after = [wait for age, wait in found if age >= window.ends_s]
    assert after[0] < 2
    assert after[-1] >= 9
    assert 48 < window.begins_s < 53
    assert 69 < window.ends_s < 120


def test_nothing_measured_is_dense_first_then_a_tenth_of_the_age() -> None:
    """So that whatever ends can be measured: no gap is longer than a tenth of the age, nor than ten seconds."""
    for seed in range(50):
        found = waits(NOTHING_MEASURED, None, TIMES, seed, 1000)
        assert all(wait <= 10 and wait <= 0.1 * (age + wait) for age, wait in found if age > 10)
        assert [wait for age, wait in found if age < 9] == [1.0] * 9


def test_below_five_measured_the_vendors_word_says_where_to_look_closely() -> None:
    """A minute by the vendor: each second from half of it to twice."""
    few = Measured.of([55.0] * 4)

    found = waits(few, 60.0, TIMES, 3, 200)

    assert {wait for age, wait in found if 30 <= age < 120} == {1.0}
    assert all(wait > 1.5 for age, wait in found if 20 < age < 27)
    assert all(wait > 8 for age, wait in found if age > 122)


def test_fewer_measured_widen_the_window() -> None:
    """Both ways, and a single slow one among five does not make polls dense for ever."""
    twenty = Measured.of([50, 55, 58, 60, 62, 65, 70] * 3)
    five = Measured.of([50, 58, 60, 62, 70])

    assert five.windows[0].begins_s < twenty.windows[0].begins_s
    assert five.windows[0].ends_s > twenty.windows[0].ends_s
    assert Measured.of([50, 58, 60, 62, 600]).windows[-1].ends_s <= 1200


def test_renders_begun_together_are_not_polled_together() -> None:
    """A hundred at once: within every tenth of a second of the window, about a tenth of them."""
    known = Measured.of([60.0 + number % 7 for number in range(20)])
    polls = []
    for seed in range(100):
        first = next(age for age, wait in waits(known, None, TIMES, seed, 70) if age >= known.windows[0].begins_s)
        polls.append(first % 1.0)

    tenths = [sum(number / 10 <= each < (number + 1) / 10 for each in polls) for number in range(10)]

    assert max(tenths) <= 25


# --- the promise: half the polls, noticed as soon -------------------------------------------------------------------

PLAUSIBLE = {
    f"median {median_s:.0f} s, sigma {sigma}": lognormal(median_s, sigma)
    for median_s in (15.0, 30.0, 60.0, 120.0)
    for sigma in (0.1, 0.15, 0.2, 0.25, 0.3, 0.35)
} | {
    "two kinds, far apart": of_two_kinds(lognormal(30, 0.1), lognormal(90, 0.1), 0.7),
    "two kinds, half and half": of_two_kinds(lognormal(20, 0.15), lognormal(60, 0.15), 0.5),
    "two kinds, near": of_two_kinds(lognormal(40, 0.12), lognormal(70, 0.12), 0.5),
    "behind a queue": with_a_queue(40, 15),
    "with outliers": of_two_kinds(lognormal(60, 0.2), lognormal(180, 0.2), 0.97),
}


@pytest.fixture(scope="module")
def tallies() -> dict[str, Tally]:
    return {name: simulate(name, duration, sets=60) for name, duration in PLAUSIBLE.items()}


def test_after_twenty_renders_half_the_polls_of_a_client_that_asks_each_second(tallies: dict[str, Tally]) -> None:
    """In each distribution; where ends scatter as widely as at sigma 0.35, nobody can do much better than this."""
    for name, tally in tallies.items():
        assert tally.share <= (0.55 if "sigma 0.35" in name else 0.5), name

    assert sum(tally.share for tally in tallies.values()) / len(tallies) <= 0.42


def test_after_twenty_renders_nineteen_of_twenty_ends_are_noticed_within_a_second(tallies: dict[str, Tally]) -> None:
    """In each distribution, and with room to spare over all of them."""
    late = [each for tally in tallies.values() for each in tally.late_s]

    assert {name: tally.p95_s for name, tally in tallies.items() if tally.p95_s > 1} == {}
    assert sum(each > 1 for each in late) <= 0.04 * len(late)


@pytest.mark.parametrize(("measured", "share"), [(5, 0.62), (10, 0.55), (100, 0.45)])
def test_few_measurements_cost_polls_not_seconds(measured: int, share: float) -> None:
    """Margins are wide at five and narrow at a hundred."""
    found = [simulate(name, PLAUSIBLE[name], measured=measured, sets=25) for name in list(PLAUSIBLE)[::3]]

    assert sum(tally.share for tally in found) / len(found) <= share
    assert sum(tally.p95_s for tally in found) / len(found) <= 1.05


def live(name: str, durations: list[Duration], typical_s: float | None = None) -> list[tuple[int, float, float, bool]]:
    """Renders one after the other, each measured as the product measures; polls, length, lateness, whether measured."""
    rng, log, samples, found = random.Random(name), PollLog(), [], []
    for duration in durations:
        known = log.adjusted(KIND, Measured.of(samples[-COUNTED:]))
        seconds, age, polls = duration(rng), 0.0, 0
        if known.windows:
            log.answered("a", Moment(wall=NOON, monotonic=0.0))
        while True:
            age += next_poll(timedelta(seconds=age), known, typical_s, TIMES, rng).total_seconds()
            polls += 1
            at = Moment(wall=NOON + timedelta(seconds=age), monotonic=age)
            if age >= seconds:
                break
            log.answered("a", at)
        log.learn(KIND, "a", NOON, known)
        sample = log.taken_s("a", NOON, at, None)
        log.forget("a")
        if sample is not None:
            samples.append(sample)
        found.append((polls, seconds, age - seconds, sample is not None))
    return found


@pytest.mark.parametrize(
    ("before", "after"), [(60, 60), (60, 35), (60, 100), (20, 90), (90, 20)], ids=lambda value: f"{value}s"
)
def test_a_provider_that_becomes_faster_or_slower_is_followed(before: int, after: int) -> None:
    """Two hundred renders at one speed, then at another: after thirty more, all is as it should be again."""
    found = live("jump", [lognormal(before, 0.15)] * 200 + [lognormal(after, 0.15)] * 300)

    for part in (found[30:200], found[230:]):
        late = sum(each > 1 for _, _, each, _ in part)
        assert late <= 0.06 * len(part)
        assert sum(sampled for *_, sampled in part) >= 0.9 * len(part)
    settled = found[-150:]
    assert sum(polls for polls, *_ in settled) <= 0.5 * sum(seconds for _, seconds, *_ in settled)


@pytest.mark.parametrize("end", [0.5, 2.0])
def test_a_provider_that_drifts_is_followed(end: float) -> None:
    """To half or twice its speed over 600 renders."""
    found = live("drift", [lognormal(45 * end ** (number / 600), 0.2) for number in range(600)])[30:]

    assert sum(each > 1 for _, _, each, _ in found) <= 0.05 * len(found)
    assert sum(polls for polls, *_ in found) <= 0.5 * sum(seconds for _, seconds, *_ in found)


@pytest.mark.parametrize("typical_s", [None, 60.0])
@pytest.mark.parametrize("median_s", [15, 60, 400])
def test_whatever_the_vendor_says_the_first_renders_are_measured(median_s: int, typical_s: float | None) -> None:
    """A word that is wrong by far must not keep us from learning better."""
    found = live("first", [lognormal(median_s, 0.2)] * 40, typical_s)

    assert sum(sampled for *_, sampled in found[:10]) >= 7
    assert sum(each > 1 for _, _, each, _ in found[20:]) <= 3
