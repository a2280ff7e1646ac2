"""The table: what a document of `run` says, in Markdown. Nothing is computed but ratios."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

REFERENCE = "pine64"
"""What ratios "× Troth" are to: the configuration whose norm bound is exact."""
FLOOR = "plain"
"""What ratios "× plain" are to."""

PEAKS = ("resident_bytes", "traced_bytes")

Json = Mapping[str, Any]


def table(document: Json) -> str:
    """All tables of one run."""
    parts = [
        *_head(document),
        *_costs(document),
        *_properties(document),
        *_own(document),
        *_versions(document),
    ]
    return "\n".join(parts) + "\n"


def cells(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Configuration, label and cell, in the order in which they were measured."""
    for rival in document["rivals"]:
        for cell in rival.get("cells", ()):
            key = cell["configuration"]
            yield key, rival["configurations"][key]["label"], cell


def aggregator_s(cell: Json) -> float:
    """Seconds per client of the aggregator that takes longest; each has a machine of its own."""
    return max(float(timing["wall_s"]) for timing in cell["aggregators"].values())


def client_s(cell: Json) -> float:
    """Seconds of one client."""
    return float(cell["client"]["wall_s"])


def upload(cell: Json) -> float:
    """Bytes that one client sends per parameter."""
    return float(cell["upload_bytes"] / cell["dimension"])


def _head(document: Json) -> Iterator[str]:
    method, machine = document["method"], document["machine"]
    yield "# Secure aggregation: what it costs"
    yield ""
    yield (
        f"Measured {document['date']} on {machine['processor']} ({machine['processors']} "
        f"processors, {machine['memory_gib']} GiB, {machine['system']}, {machine['python']}) in "
        f"{document['took_s']} s. Times are wall-clock seconds, {method['statistic']} "
        f"({method['clients']} clients in a sum, updates of float32 with norm {method['norm']}). "
        f"Made by `run.py`; [README.md](README.md) says what is counted."
    )
    shares = [
        cell["client"]["cpu_s"] / cell["client"]["wall_s"]
        for _, _, cell in cells(document)
        if cell["status"] == "ok"
    ]
    if shares:
        yield ""
        yield (
            f"How busy the machine was with other things: clients had a processor for at least "
            f"{min(shares):.0%} of their time, in the median for {median(shares):.0%} (more than "
            f"100 %: several threads)."
        )
    yield ""


def _costs(document: Json) -> Iterator[str]:
    yield "## Time and size"
    yield ""
    yield (
        "× plain and × Troth (Pine64) are ratios of the same column at the same dimension; × SHA "
        "is a multiple of SHA-256 of 64 MB in the same process."
    )
    for dimension in document["method"]["dimensions"]:
        found = [entry for entry in cells(document) if entry[2]["dimension"] == dimension]
        measured = {key: cell for key, _, cell in found if cell["status"] == "ok"}
        yield ""
        yield f"### {dimension:,} parameters"
        yield ""
        yield (
            "| | client | × plain | × Troth | × SHA | slowest aggregator, per client | × plain "
            "| × Troth | × SHA | bytes per parameter | × plain |"
        )
        yield "|---|" + "---:|" * 10
        for _, label, cell in found:
            if cell["status"] != "ok":
                yield f"| {label} | {cell['status']}: {cell['reason']} |" + " |" * 9
                continue
            row = [label]
            for figure in (client_s, aggregator_s):
                value = figure(cell)
                row += [
                    seconds(value),
                    _ratio(value, measured.get(FLOOR), figure),
                    _ratio(value, measured.get(REFERENCE), figure),
                    _number(value / cell["units"]["sha256_64mb_s"]),
                ]
            row += [f"{upload(cell):.2f}", _ratio(upload(cell), measured.get(FLOOR), upload)]
            yield "| " + " | ".join(row) + " |"
    for rival in document["rivals"]:
        if "missing" in rival:
            missing = rival["missing"]
            yield ""
            yield f"`{rival['rival']}`: {missing['status']}, {missing['reason']}."
    yield ""


def _properties(document: Json) -> Iterator[str]:
    yield "## What one gets for it"
    yield ""
    yield "| | hides | if | missing parties | proves | entropy of masks |"
    yield "|---|---|---|---|---|---|"
    for _, configuration in _configurations(document):
        names = ("label", "hides", "trust", "dropouts", "proves", "mask_entropy")
        yield "| " + " | ".join(configuration[name] for name in names) + " |"
    yield ""
    yield "| | parameters | chosen by |"
    yield "|---|---|---|"
    for _, configuration in _configurations(document):
        columns = ("label", "parameters", "source")
        yield "| " + " | ".join(configuration[name] for name in columns) + " |"
    yield ""
    yield "| | at the end of a round | seconds | largest error of the mean |"
    yield "|---|---|---:|---:|"
    last = {key: (label, cell) for key, label, cell in cells(document) if cell["status"] == "ok"}
    for key, (label, cell) in last.items():
        end = seconds(cell["finish"]["wall_s"]) if cell["finish"] else "–"
        who = _finished_by(document, key)
        yield f"| {label}, {cell['dimension']:,} | {who} | {end} | {cell['mean_error']:.1e} |"
    yield ""


def _own(document: Json) -> Iterator[str]:
    own = document.get("troth")
    if own is None:
        return
    labels = {key: configuration["label"] for key, configuration in _configurations(document)}
    yield "## Troth: soundness, first use, memory"
    yield ""
    yield (
        "A false proof passes with probability 2^-bits at most; 0 bits of wraparound: the bound "
        "is not exact."
    )
    yield ""
    yield "| | parameters | code | norm equality | validity | wraparound |"
    yield "|---|---:|---|---:|---:|---:|"
    for key, label, cell in cells(document):
        if key in labels and cell["status"] == "ok" and "soundness_bits" in cell["details"]:
            details = cell["details"]
            bits = (f"{value:.1f}" for value in details["soundness_bits"].values())
            yield f"| {label} | {cell['dimension']:,} | {details['kernels']} | {' | '.join(bits)} |"
    yield ""
    yield (
        "First report of a new process, making the instance included, with an empty cache of "
        "compiled code (what is compiled is kept) and with a full one, and the second report of "
        "the same process, all sides together:"
    )
    yield ""
    yield "| | parameters | cache | code | first report | second report |"
    yield "|---|---:|---|---|---:|---:|"
    for use in own["first_use"]:
        start = f"| {labels[use['configuration']]} "
        if use["status"] != "ok":
            yield f"{start}| | {use['cache']} | {use['status']}: {use['reason']} | | |"
            continue
        reports = (seconds(use[f"{which}_report_s"]) for which in ("first", "second"))
        yield (
            f"{start}| {use['dimension']:,} | {use['cache']} | {use['kernels']} | "
            f"{' | '.join(reports)} |"
        )
    yield ""
    yield (
        "Peak memory above the caller's array and the received messages, in multiples of the "
        "vector in field form, by the system (resident) and by Python (`tracemalloc`):"
    )
    yield ""
    yield "| | parameters | field form | `shard` | with `encode` | Helper |"
    yield "|---|---:|---:|---:|---:|---:|"
    for entry in own["memory"]:
        start = f"| {labels[entry['configuration']]} | {entry['dimension']:,} "
        if entry["status"] != "ok":
            yield f"{start}| {entry['status']}: {entry['reason']} | | | |"
            continue
        form = entry["vector_bytes"]
        peaks = (
            " / ".join(f"{entry[who][how] / form:.1f} ×" for how in PEAKS)
            for who in ("client", "client_with_encoding", "helper")
        )
        yield f"{start}| {form / 1e6:.0f} MB | {' | '.join(peaks)} |"
    yield ""


def _versions(document: Json) -> Iterator[str]:
    yield "## Versions"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for rival in document["rivals"]:
        versions = rival.get("versions", {})
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield f"| {rival['rival']} | {listed or rival['missing']['status']} |"
    units = [cell["units"] for _, _, cell in cells(document) if cell["status"] == "ok"]
    if units:
        sha, aes = (
            sorted(unit[name] for unit in units) for name in ("sha256_64mb_s", "aes128_ctr_64mb_s")
        )
        yield ""
        yield (
            f"64 MB took SHA-256 {seconds(sha[0])} to {seconds(sha[-1])} and AES-128-CTR "
            f"{seconds(aes[0])} to {seconds(aes[-1])}, over all processes."
        )


def _configurations(document: Json) -> Iterator[tuple[str, Json]]:
    for rival in document["rivals"]:
        yield from rival.get("configurations", {}).items()


def _finished_by(document: Json, key: str) -> str:
    owners = (r for r in document["rivals"] if key in r.get("configurations", ()))
    return str(next(owners)["finished_by"])


def seconds(value: float) -> str:
    """A duration with three digits."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1:
            return f"{_number(value * factor)} {unit}"
    return f"{value * 1e9:.0f} ns"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    if value < 0.005:
        return "< 0.01"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(value: float, other: Json | None, figure: Any) -> str:
    return "–" if other is None else _number(value / figure(other))
