"""Plots as inline SVG, drawn here: no script, no style attributes. Colours are classes; words stand in HTML around them.

A drawing stretches to the width it is given (`preserveAspectRatio="none"`), so it holds no text: that would stretch too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from markupsafe import Markup, escape

from bot.money.amount import Money
from bot.reports import NOTHING_SPENT, Spending, Spent

HEIGHT: Final = 100
STEP: Final = 10
BAR: Final = 7
"""Of a step, so wide is a bar."""
MOST_SERIES: Final = 5
"""Providers with a colour of their own; the rest share the last."""
MOST_BARS: Final = 92
"""Beyond so many days, each bar is a week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A day, or the week that begins with it: an amount for each series."""

    since: date
    until: date
    amounts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.amounts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Bars with what stands around them."""

    drawing: Markup
    top: str
    middle: str
    """What the two upper lines stand for."""
    bars: Sequence[Bar]
    series: Sequence[str]
    """What was stacked, from below, in the order of their colours."""
    per: str
    """`day` or `week`."""
    of_clips: bool
    """Nothing was spent, so clips are counted instead of dollars."""


def plot_of(found: Spending) -> Plot:
    """What was spent each day, stacked by provider; clips, where all of them were free."""
    of_clips = found.total.counted == 0
    measure: Callable[[Spent], int] = (lambda spent: spent.clips + spent.open) if of_clips else (lambda s: s.counted)
    providers: dict[str, int] = {}
    for line in found.days:
        providers[line.provider] = providers.get(line.provider, 0) + measure(line.spent)
    ordered = sorted((name for name, amount in providers.items() if amount > 0), key=lambda name: -providers[name])
    days = list(found.by_day())
    length = 7 if len(days) > MOST_BARS else 1
    bars = [_bar(days[at : at + length], ordered, measure) for at in range(0, len(days), length)]
    top = nice(max((bar.total for bar in bars), default=0), whole=of_clips)
    spelt = _clips if of_clips else _dollars
    per = "day" if length == 1 else "week"
    what = f"{'Clips' if of_clips else 'Spent'} per {per}, {found.since} to {found.until}"
    highest = max(bars, key=lambda bar: bar.total)
    said = f"Most on {highest.since}: {spelt(highest.total)}. The same figures stand in the table below."
    return Plot(
        drawing=_drawing(bars, ordered, top, what, said, spelt),
        top=spelt(top),
        middle=spelt(top // 2) if top % 2 == 0 or not of_clips else "",
        bars=bars,
        series=ordered,
        per=per,
        of_clips=of_clips,
    )


def _bar(
    days: Sequence[tuple[date, Mapping[str, Spent]]], series: Sequence[str], measure: Callable[[Spent], int]
) -> Bar:
    amounts = {name: sum(measure(at.get(name, NOTHING_SPENT)) for _, at in days) for name in series}
    return Bar(since=days[0][0], until=days[-1][0], amounts=amounts)


def _drawing(
    bars: Sequence[Bar], series: Sequence[str], top: int, what: str, said: str, spelt: Callable[[int], str]
) -> Markup:
    width = len(bars) * STEP
    parts = [
        f'<svg class="plot" viewBox="0 0 {width} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="plot-title plot-said" focusable="false">',
        f'<title id="plot-title">{escape(what)}</title><desc id="plot-said">{escape(said)}</desc>',
    ]
    parts += [f'<path class="grid" d="M0 {at}H{width}"/>' for at in (0.25, HEIGHT / 2, HEIGHT - 0.25)]
    for number, bar in enumerate(bars):
        if not bar.total:
            continue
        when = f"{bar.since}" if bar.since == bar.until else f"{bar.since} to {bar.until}"
        parts.append(f"<g><title>{escape(f'{when}: {spelt(bar.total)}')}</title>")
        floor = float(HEIGHT)
        for position, name in enumerate(series):
            tall = bar.amounts[name] / top * HEIGHT if top else 0.0
            if tall <= 0:
                continue
            floor -= tall
            left = number * STEP + (STEP - BAR) / 2
            parts.append(
                f'<rect class="{tint(position)}" x="{left:g}" y="{floor:.2f}" width="{BAR}" height="{tall:.2f}"/>'
            )
        parts.append("</g>")
    parts.append("</svg>")
    # Numbers of ours, and texts that were escaped where they were put in.
    return Markup("".join(parts))  # noqa: S704


def _clips(count: int) -> str:
    return str(count)


def _dollars(amount: int) -> str:
    return str(Money(amount))


def share_bar(amount: int, most: int) -> Markup:
    """A line as long as its share of the largest; the figure itself stands beside it."""
    width = round(100 * amount / most, 1) if most > 0 and amount > 0 else 0
    return Markup(
        '<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="ground" width="100" height="6"/><rect class="tint-0" width="{}" height="6"/></svg>'
    ).format(f"{width:g}")


def tint(position: int) -> str:
    """The class of the colour of a series."""
    return f"tint-{min(position, MOST_SERIES - 1)}"


def nice(amount: int, *, whole: bool = False) -> int:
    """A round figure at or above an amount: 1, 2, 2.5 or 5 times a power of ten; with `whole` no fraction of one."""
    if amount <= 0:
        return 1 if whole else int(Money.usd(1))
    power = 10 ** math.floor(math.log10(amount))
    for factor in (1, 2, 2.5, 5, 10):
        candidate = factor * power
        if candidate >= amount and (not whole or candidate == int(candidate)):
            return int(candidate)
    return amount


def week_before(day: date) -> date:
    """The first of the seven days that end with `day`."""
    return day - timedelta(days=6)
