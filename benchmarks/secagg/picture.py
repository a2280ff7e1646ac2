"""The picture: client and aggregator time against dimension, and bytes per parameter, as SVG.

Written by hand, so that it needs no plotting library and the same results give the same bytes.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from benchmarks.secagg.table import aggregator_s, cells, client_s, upload

Json = Mapping[str, Any]

WIDTH, HEIGHT = 800, 650
INK, QUIET, GRID, PAPER = "#222222", "#666666", "#e2e2e2", "#ffffff"
FONT = "font-family='system-ui, Segoe UI, Helvetica, Arial, sans-serif'"
UNITS = {0: "s", -3: "ms", -6: "µs", -9: "ns"}
PANEL_TOP, PANEL_HEIGHT, PANEL_WIDTH = 84, 270, 318
PANEL_LEFT = (62, 458)
BARS_TOP, BAR_STEP, BARS_LEFT, BARS_WIDTH = 446, 25, 240, 470

BARS_AT = 10**6
"""The dimension of the bars, or the next smaller one that was measured."""


@dataclass(frozen=True)
class Style:
    """How a configuration is drawn: colours that differ in lightness too, and a mark of its own."""

    colour: str
    dash: str = ""
    mark: str = "circle"


STYLES = {
    "pine64": Style("#0072b2"),
    "pine32": Style("#56a8dc", "6 3", "square"),
    "neighbours": Style("#d55e00"),
    "everyone": Style("#e69f00", "6 3", "square"),
    "nvflare": Style("#00795a"),
    "small": Style("#59b899", "6 3", "square"),
    "plain": Style("#555555", "2 3", "diamond"),
}


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis: whole decades that hold all values, onto pixels."""

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> "Scale":
        """The decades around some positive values."""
        logs = [math.log10(value) for value in values]
        low, high = math.floor(min(logs)), math.ceil(max(logs))
        return cls(low, max(high, low + 1), start, end)

    def __call__(self, value: float) -> float:
        """Where a value is."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def decades(self) -> range:
        """Exponents of the ticks."""
        return range(self.low, self.high + 1)


def picture(document: Json) -> str:
    """One SVG of one run."""
    found = [entry for entry in cells(document) if entry[2]["status"] == "ok"]
    size = f"viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}'"
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT} role='img'>",
        "<title>Secure aggregation: client time, aggregator time per client, upload</title>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='{PAPER}'/>",
        _text(20, 32, "What secure aggregation costs", size=18, weight="600"),
        _text(
            20,
            52,
            f"measured {document['date']} on {document['machine']['processors']} processors; "
            "blue proves the norm of every update (solid: exactly), the others prove nothing",
            colour=QUIET,
        ),
    ]
    if found:
        dimensions = document["method"]["dimensions"]
        all_times = [figure(cell) for _, _, cell in found for figure in (client_s, aggregator_s)]
        times = Scale.around(all_times, PANEL_TOP + PANEL_HEIGHT, PANEL_TOP)
        for left, title, figure in zip(
            PANEL_LEFT,
            ("client, one update", "aggregator, per client"),
            (client_s, aggregator_s),
            strict=True,
        ):
            across = Scale.around(dimensions, left, left + PANEL_WIDTH)
            lines += _frame(title, across, times, dimensions)
            for key in dict.fromkeys(key for key, _, _ in found):
                points = [
                    (across(cell["dimension"]), times(figure(cell)))
                    for other, _, cell in found
                    if other == key
                ]
                lines += _line(STYLES[key], points)
        lines += _bars(found)
    left_out = [
        f"{label} at {cell['dimension']:,} ({cell['status']})"
        for _, label, cell in cells(document)
        if cell["status"] != "ok"
    ]
    left_out += [
        f"{rival['rival']} ({rival['missing']['status']})"
        for rival in document["rivals"]
        if "missing" in rival
    ]
    if left_out:
        lines.append(_text(20, HEIGHT - 12, f"not shown: {'; '.join(left_out)}", colour=QUIET))
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def _frame(title: str, across: Scale, times: Scale, dimensions: Iterable[int]) -> Iterator[str]:
    for decade in times.decades:
        y = times(10**decade)
        yield _rule(across.start, y, across.end, y)
        yield _text(across.start - 6, y + 4, _tick(decade), anchor="end")
    for dimension in dimensions:
        x = across(dimension)
        yield _rule(x, times.start, x, times.end)
        power = round(math.log10(dimension), 3)
        yield _power(x, times.start + 17, f"{power:g}")
    yield _text(across.start, PANEL_TOP - 10, title, size=13, weight="600")
    yield _text(across.end, times.start + 34, "parameters", anchor="end", colour=QUIET)


def _line(style: Style, points: list[tuple[float, float]]) -> Iterator[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = f" stroke-dasharray='{style.dash}'" if style.dash else ""
    yield (
        f"<polyline points='{path}' fill='none' stroke='{style.colour}' stroke-width='2'{dash}/>"
    )
    for x, y in points:
        yield _mark(style, x, y)


def _mark(style: Style, x: float, y: float) -> str:
    shape = f"fill='{style.colour}' stroke='{PAPER}' stroke-width='1'"
    if style.mark == "circle":
        return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' {shape}/>"
    turn = f" transform='rotate(45 {x:.1f} {y:.1f})'" if style.mark == "diamond" else ""
    return f"<rect x='{x - 3.5:.1f}' y='{y - 3.5:.1f}' width='7' height='7' {shape}{turn}/>"


def _bars(found: list[tuple[str, str, Json]]) -> Iterator[str]:
    """Key and bytes per parameter in one: a bar for each configuration."""
    dimensions = {cell["dimension"] for _, _, cell in found}
    dimension = max((d for d in dimensions if d <= BARS_AT), default=max(dimensions))
    yield _text(
        20,
        BARS_TOP - 14,
        f"upload of one client, bytes per parameter at {dimension:,} parameters",
        size=13,
        weight="600",
    )
    latest = {key: (label, cell) for key, label, cell in reversed(found)}
    at = {key: upload(cell) for key, _, cell in found if cell["dimension"] == dimension}
    most = max(at.values())
    for row, key in enumerate(dict.fromkeys(key for key, _, _ in found)):
        style, y = STYLES[key], BARS_TOP + row * BAR_STEP + 8
        yield from _line(style, [(24, y), (52, y)])
        yield _text(62, y + 4, latest[key][0])
        if key in at:
            width = at[key] / most * BARS_WIDTH
            yield (
                f"<rect x='{BARS_LEFT}' y='{y - 7}' width='{width:.1f}' height='14' "
                f"fill='{style.colour}'/>"
            )
            yield _text(BARS_LEFT + width + 6, y + 4, f"{at[key]:.1f}")


def _tick(decade: int) -> str:
    """A power of ten seconds in its usual unit."""
    step = min(0, decade // 3 * 3)
    return f"{10 ** (decade - step)} {UNITS[step]}"


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f"x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}'"
    return f"<line {ends} stroke='{GRID}'/>"


def _power(x: float, y: float, exponent: str) -> str:
    raised = f"<tspan dy='-5' font-size='9'>{exponent}</tspan>"
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='12' fill='{INK}' text-anchor='middle'>"
        f"10{raised}</text>"
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int = 12,
    anchor: str = "start",
    colour: str = INK,
    weight: str = "400",
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' "
        f"text-anchor='{anchor}' font-weight='{weight}'>{escape(words)}</text>"
    )
