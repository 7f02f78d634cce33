"""Plots of spending: bars as tall as their amounts, words that say the same, and no way into the page for a name."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adapters.chat.web.admin.plots import BAR, HEIGHT, MOST_SERIES, STEP, nice, plot_of, share_bar
from adapters.chat.web.admin.wording import sentence, spell, ticked
from bot.money.amount import Money
from bot.reports import DayLine, Spending, Spent
from tests.adapters.chat.web.reading import read

FIRST = date(2026, 1, 1)


def spending(*lines: tuple[int, str, Spent], days: int = 3) -> Spending:
    """Lines of a day (counted from the first), a provider and what was spent."""
    return Spending(
        since=FIRST,
        until=FIRST + timedelta(days=days - 1),
        days=tuple(
            DayLine(day=FIRST + timedelta(days=day), provider=provider, model="clip", spent=spent)
            for day, provider, spent in lines
        ),
    )


def dollars(amount: str, clips: int = 1) -> Spent:
    return Spent(settled=Money.usd(amount), clips=clips)


def rects(drawing: str) -> list[tuple[str, float, float, float]]:
    """Each bar: its colour, left edge, top and height."""
    found = re.findall(r'<rect class="([^"]+)" x="([^"]+)" y="([^"]+)" width="\d+" height="([^"]+)"/>', drawing)
    return [(tint, float(left), float(top), float(tall)) for tint, left, top, tall in found]


def test_bars_stand_on_each_other_in_the_colour_of_their_provider() -> None:
    """Who cost most in the whole span is lowest, and each is as tall as its share of the upper line."""
    plot = plot_of(
        spending((0, "eachlabs", dollars("1")), (0, "wavespeed", dollars("3")), (2, "eachlabs", dollars("1")))
    )

    edge = (STEP - BAR) / 2
    assert plot.top == "$5.00"
    assert plot.series == ["wavespeed", "eachlabs"]
    assert rects(plot.drawing) == [
        ("tint-0", edge, HEIGHT - 60, 60),
        ("tint-1", edge, HEIGHT - 80, 20),
        ("tint-1", 2 * STEP + edge, HEIGHT - 20, 20),
    ]


def test_a_drawing_is_described_in_words() -> None:
    """A title, what is highest, and a name for each bar."""
    plot = plot_of(spending((1, "wavespeed", dollars("2.50"))))

    page = read(str(plot.drawing))

    assert page.tags[0][1]["role"] == "img"
    assert "Spent per day, 2026-01-01 to 2026-01-03" in page.text
    assert "Most on 2026-01-02: $2.50." in page.text
    assert "2026-01-02: $2.50" in page.text


def test_where_everything_was_free_clips_are_counted() -> None:
    """A plot of nothing would say nothing."""
    plot = plot_of(spending((0, "local", Spent(clips=3)), (1, "local", Spent(clips=1, open=1))))

    assert plot.of_clips
    assert plot.top == "5"
    assert [bar.total for bar in plot.bars] == [3, 2, 0]
    assert "Clips per day" in plot.drawing


def test_a_long_span_is_drawn_by_weeks() -> None:
    """A bar for every seven days, with all that was spent in them."""
    plot = plot_of(spending((0, "wavespeed", dollars("1")), (6, "wavespeed", dollars("2")), days=100))

    assert (plot.per, len(plot.bars)) == ("week", 15)
    assert (plot.bars[0].total, plot.bars[0].until) == (Money.usd(3), FIRST + timedelta(days=6))
    assert plot.bars[-1].until == FIRST + timedelta(days=99)


def test_a_name_cannot_leave_the_drawing() -> None:
    """Providers are named by whoever wrote their module; more of them than colours share the last."""
    names = [f"<script>{number}</script>" for number in range(MOST_SERIES + 2)]

    plot = plot_of(spending(*((0, name, dollars("1")) for name in names)))

    assert read(str(plot.drawing)).dangers == []
    assert {tint for tint, *_ in rects(plot.drawing)} == {f"tint-{number}" for number in range(MOST_SERIES)}


def test_what_was_given_back_is_not_drawn_below_the_line() -> None:
    """A correction may make a day negative: it has no bar, and the others stay in the picture."""
    plot = plot_of(spending((0, "wavespeed", Spent(settled=Money.usd(-1))), (1, "wavespeed", dollars("2"))))

    assert all(0 <= top <= HEIGHT and 0 < tall <= HEIGHT for _, _, top, tall in rects(plot.drawing))
    assert len(rects(plot.drawing)) == 1


@given(some.integers(min_value=1, max_value=10**13))
def test_the_upper_line_is_near_and_never_below(amount: int) -> None:
    """At most two and a half times the highest bar: a bar is never a speck."""
    assert amount <= nice(amount) <= 2.5 * amount + 1
    assert amount <= nice(amount, whole=True)


def test_a_share_is_a_line_of_its_length() -> None:
    """And nothing where there is nothing; hidden from who listens, for the figure stands beside it."""
    assert 'width="50"' in share_bar(5, 10)
    assert 'width="0"' in share_bar(0, 0)
    assert 'aria-hidden="true"' in share_bar(5, 10)


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "–"), (4.25, "4.2 s"), (42.4, "42 s"), (185.0, "3 min 5 s"), (120.0, "2 min")]
)
def test_lengths_of_time_are_spelt(seconds: float | None, said: str) -> None:
    """Exactly where it is short, in minutes where it is long."""
    assert spell(seconds) == said


def test_reasons_become_sentences_and_commands_code() -> None:
    """What others wrote is escaped first."""
    assert sentence(" eachlabs answered 502 ") == "Eachlabs answered 502."
    assert sentence("Is it?") == "Is it?"
    assert ticked("run `reelbot <x>` & wait") == "run <code>reelbot &lt;x&gt;</code> &amp; wait"
