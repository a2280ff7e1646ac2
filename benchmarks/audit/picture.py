"""The picture: processor time of an audit against the reports audited. SVG, written by hand."""

from collections.abc import Mapping
from html import escape
from typing import Any

from benchmarks.audit.table import fit, points

Json = Mapping[str, Any]

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620, 380, 62, 30, 76, 56
INK, QUIET, GRID, PAPER, BLUE = "#222222", "#666666", "#e2e2e2", "#ffffff", "#0072b2"
FONT = "font-family='system-ui, Segoe UI, Helvetica, Arial, sans-serif'"
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
TICKS = 6


def picture(document: Json) -> str:
    """One SVG of one run."""
    found, method = points(document), document["method"]
    most_x = max(x for x, _ in found)
    most_y = max([method["goal_cpu_s"], *(y for _, y in found)]) * 1.08

    def at_x(value: float) -> float:
        return float(LEFT + value / most_x * (WIDTH - LEFT - RIGHT))

    def at_y(value: float) -> float:
        return float(HEIGHT - BOTTOM - value / most_y * (HEIGHT - TOP - BOTTOM))

    start, slope = fit(found)
    lines = [
        _open_tag(WIDTH, HEIGHT),
        "<title>Processor time of an audit against the reports audited</title>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='{PAPER}'/>",
        _text(20, 32, "What an audit costs", size=18),
        _text(
            20,
            52,
            f"processor seconds of troth audit; {method['sites']} sites, {method['members']} "
            f"members, {method['dimension']} parameters; measured {document['date']}",
            colour=QUIET,
        ),
    ]
    for value in _ticks(most_y):
        lines.append(_rule(at_x(0), at_y(value), at_x(most_x), at_y(value), GRID))
        lines.append(_text(LEFT - 8, at_y(value) + 4, f"{value} s", anchor="end"))
    for audit, (x, _) in zip(document["audits"], found, strict=True):
        lines.append(_rule(at_x(x), at_y(0), at_x(x), at_y(most_y), GRID))
        lines.append(_text(at_x(x), at_y(0) + 18, str(audit["rounds"]), anchor="middle"))
    lines.append(
        _text(
            at_x(most_x),
            at_y(0) + 38,
            f"rounds ({found[0][0] // document['audits'][0]['rounds']} reports each)",
            anchor="end",
            colour=QUIET,
        )
    )
    goal = method["goal_cpu_s"]
    lines.append(_rule(at_x(0), at_y(goal), at_x(most_x), at_y(goal), INK, dash="4 3"))
    lines.append(
        _text(at_x(0) + 8, at_y(goal) - 6, f"goal for {method['goal_rounds']} rounds: {goal:g} s")
    )
    lines.append(
        _rule(at_x(0), at_y(start), at_x(most_x), at_y(start + slope * most_x), BLUE, width=2)
    )
    lines += [
        f"<circle cx='{at_x(x):.1f}' cy='{at_y(y):.1f}' r='4.5' fill='{BLUE}' stroke='{PAPER}'/>"
        for x, y in found
    ]
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def _ticks(most: float) -> range:
    step = next((step for step in STEPS if most / step <= TICKS), STEPS[-1])
    return range(0, int(most) + 1, step)


def _rule(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: str = "", width: float = 1
) -> str:
    dashed = f" stroke-dasharray='{dash}'" if dash else ""
    return (
        f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' "
        f"stroke-width='{width:g}'{dashed}/>"
    )


def _open_tag(width: int, height: int) -> str:
    size = f"viewBox='0 0 {width} {height}' width='{width}' height='{height}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT} role='img'>"


def _text(
    x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", colour: str = INK
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' "
        f"text-anchor='{anchor}'>{escape(words)}</text>"
    )
