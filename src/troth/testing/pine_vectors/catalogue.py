"""All themes, in the order in which an implementation meets them."""

from collections.abc import Callable

from troth.testing.pine_vectors import exchanges, forgeries, numbers, primitives, reports, tampering
from troth.testing.pine_vectors.encodings import encodings
from troth.testing.pine_vectors.theme import Theme

THEMES: tuple[Callable[[], Theme], ...] = (
    primitives.fields,
    primitives.xofs,
    primitives.instances,
    reports.dimensions,
    reports.shares,
    reports.circuits,
    reports.aggregation,
    reports.large,
    numbers.rounding,
    numbers.extremes,
    numbers.integers,
    numbers.refused_measurements,
    encodings,
    tampering.public_shares,
    tampering.leader_shares,
    tampering.helper_shares,
    exchanges.verifier_shares,
    exchanges.messages,
    exchanges.contexts,
    forgeries.forgeries,
    forgeries.query_keys,
)
"""One function per file of ``vectors/pine``; each gives the same bytes whenever it is called."""
