"""Values, events and outcomes as a finding or a verdict tells them."""

import dataclasses
from collections.abc import Mapping

from troth.audit.replay.world import Outcome
from troth.ledger.address import Address
from troth.round.machine import Emitted


def told(value: object) -> str:
    """Bytes in hexadecimal, an address in its mixed case, a state by its number."""
    if isinstance(value, bytes) and not isinstance(value, Address):
        return "0x" + value.hex()
    return str(value)


def told_arguments(values: Mapping[str, object]) -> tuple[str, ...]:
    """Each as ``name=value``."""
    return tuple(f"{name}={told(value)}" for name, value in values.items())


def told_event(emitted: Emitted) -> str:
    """For example ``Rounds.Finalised(study_id=0x…, round=2, model_digest=0x…)``."""
    event = emitted.event
    values = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return f"{emitted.contract}.{event.SOLIDITY_NAME}({', '.join(told_arguments(values))})"


def told_status(outcome: Outcome) -> str:
    """For example ``status 0 (Rounds.open: WrongState(state=4))``."""
    refusal = outcome.refusal
    if refusal is None:
        return f"status {outcome.status} (success)"
    listed = ", ".join(told_arguments(refusal.arguments))
    return f"status {outcome.status} ({refusal.action}: {refusal.name}({listed}))"
