"""The picture: every round as one bar of phases, training first. SVG, written by hand.

The same results give the same bytes. Training is drawn cut off, or nothing else could be seen.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from benchmarks.round.path import TRAINING, Phase, openings, paths, total

Json = Mapping[str, Any]

WIDTH, LEFT, RIGHT, TOP, STEP, BAR = 820, 190, 60, 96, 44, 22
INK, QUIET, GRID, PAPER = "#222222", "#666666", "#e2e2e2", "#ffffff"
FONT = "font-family='system-ui, Segoe UI, Helvetica, Arial, sans-serif'"
SHOWN_TRAINING = 1.0
"""Seconds of training that are drawn."""
MOST_TICKS = 14
COLOURS = {
    "share, mask, seal": "#0072b2",
    "seal": "#0072b2",
    "mask": "#0072b2",
    "fetch and open shares": "#56a8dc",
    "verify": "#d55e00",
    "verdict": "#a34700",
    "sum": "#e69f00",
    "challenge, tags": "#cc79a7",
    "fetch publications": "#9a9a9a",
    "publication checks": "#00795a",
    "own tags, model, vote": "#59b899",
    "erase the round before": "#444444",
    "fetch, open, average": "#e69f00",
    "unmask, average": "#e69f00",
    "fetch the model": "#59b899",
}
OTHER = "#bbbbbb"


def picture(document: Json) -> str:
    """One SVG of one run."""
    method = document["method"]
    found = list(paths(document))
    train_s = method["train_s"]
    plain = total(found[0][1])
    goal = plain * method["goal_ratio"]
    most = max([goal, *(total(phases) for _, phases in found)]) - train_s + SHOWN_TRAINING
    scale = (WIDTH - LEFT - RIGHT) / most
    names = dict.fromkeys(p.name for _, phases in found for p in phases if p.name in COLOURS)
    bottom = TOP + STEP * len(found)
    height = bottom + 60 + 20 * ((len(names) + 2) // 3) + 24

    def at(seconds: float) -> float:
        return float(LEFT + (seconds - train_s + SHOWN_TRAINING) * scale)

    lines = [
        _open_tag(WIDTH, height),
        "<title>One whole round: critical path by phase</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='{PAPER}'/>",
        _text(20, 32, "One whole round, critical path", size=18, weight="600"),
        _text(
            20,
            52,
            f"{method['dimension']:,} parameters, {method['sites']} sites, "
            f"{method['members']} members; {train_s:g} s of training each, drawn cut off; "
            f"measured {document['date']}",
            colour=QUIET,
        ),
    ]
    every = 1 if most <= MOST_TICKS else 5
    for second in range(int(train_s), int(most + train_s - SHOWN_TRAINING) + 1, every):
        lines.append(_rule(at(second), TOP - 12, at(second), bottom))
        lines.append(_text(at(second), bottom + 16, f"{second} s", anchor="middle", colour=QUIET))
    for row, (label, phases) in enumerate(found):
        lines += _bar(label, phases, TOP + row * STEP, scale, total(phases) / plain)
    lines.append(
        f"<line x1='{at(goal):.1f}' y1='{TOP - 12}' x2='{at(goal):.1f}' y2='{bottom}' "
        f"stroke='{INK}' stroke-dasharray='4 3'/>"
    )
    goal_text = f"goal: {method['goal_ratio']:g} × plain"
    lines.append(_text(at(goal), TOP - 18, goal_text, anchor="middle"))
    for index, name in enumerate(names):
        x, y = 24 + index % 3 * 262, bottom + 44 + index // 3 * 20
        lines.append(_box(x, y - 10, 14, 12, COLOURS[name]))
        lines.append(_text(x + 20, y, name))
    windows = "; ".join(f"{e['label']} {openings(e).seconds:.1f} s" for e in document["troth"])
    lines.append(
        _text(
            24,
            height - 14,
            f"not drawn: opened noise, which every voter checks in the window ({windows})",
            colour=QUIET,
        )
    )
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def _bar(label: str, phases: list[Phase], y: float, scale: float, ratio: float) -> Iterator[str]:
    yield _text(LEFT - 10, y + BAR / 2 + 4, label, anchor="end")
    x = float(LEFT)
    for phase in sorted(phases, key=lambda phase: phase.name != TRAINING):
        seconds = SHOWN_TRAINING if phase.name == TRAINING else phase.seconds
        colour = GRID if phase.name == TRAINING else COLOURS.get(phase.name, OTHER)
        yield _box(x, y, seconds * scale, BAR, colour)
        x += seconds * scale
    yield _text(x + 6, y + BAR / 2 + 4, f"{ratio:.2f} ×")


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' fill='{colour}'/>"
    )


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f"x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}'"
    return f"<line {ends} stroke='{GRID}'/>"


def _open_tag(width: int, height: int) -> str:
    size = f"viewBox='0 0 {width} {height}' width='{width}' height='{height}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT} role='img'>"


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
