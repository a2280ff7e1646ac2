"""Engines by name. Each is imported only when it is opened: the heavy libraries stay outside."""

import importlib
from collections.abc import Iterable
from typing import Any

from troth.errors import ParameterError
from troth.ledger.client import DevelopmentLedger
from troth.ledger.interface import Contract

_OPENERS = {
    "embedded": ("troth.ledger.engines.embedded", "open_embedded"),
    "anvil": ("troth.ledger.engines.anvil", "open_anvil"),
}
NAMES = tuple(_OPENERS)


def open(  # noqa: A001 - read as engines.open
    name: str, contracts: Iterable[Contract] | None = None, **options: Any
) -> DevelopmentLedger:
    """Start an engine.

    Args:
        name: one of :data:`NAMES`.
        contracts: the interfaces that the ledger will know; Troth's own by default.
        options: as the engine's own function takes them (``timestamp``, ``funded``, ``chain_id``
            for both).

    Raises:
        ParameterError: for an unknown name.
        EngineUnavailable: if the engine is not installed or does not start.
    """
    if name not in _OPENERS:
        raise ParameterError(f"there is no ledger engine {name!r}; choose {' or '.join(NAMES)}")
    if contracts is None:
        from troth.ledger.bindings import CONTRACTS  # noqa: PLC0415 - only when they are wanted

        contracts = CONTRACTS
    module, function = _OPENERS[name]
    opener = getattr(importlib.import_module(module), function)
    ledger: DevelopmentLedger = opener(contracts, **options)
    return ledger
