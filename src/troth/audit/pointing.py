"""Where in a member something was changed, in words for whoever has to look at it."""

from collections.abc import Mapping

from troth.audit.members import BLOCKS, CONTRACTS, TRANSACTIONS, Contracts, TransactionLine
from troth.domain import records
from troth.errors import DecodeError
from troth.ledger import artifact
from troth.ledger.bindings import CONTRACTS as INTERFACES
from troth.ledger.deploy import ORDER
from troth.ledger.evidence import block_form, decode_transaction

_BY_NAME = {contract.name: contract for contract in INTERFACES}


def place(name: str, content: bytes, at: int) -> str:
    """An offset in a member, after the line that it is on where a member has lines."""
    offset = f"offset {at}"
    if name not in (BLOCKS, TRANSACTIONS):
        return offset
    return f"line {content.count(10, 0, at) + 1}, {offset}"


def transaction_at(name: str, content: bytes, at: int, members: Mapping[str, bytes]) -> str:
    """What the transaction on the line at an offset does, and whose it is.

    Args:
        name: the member that ``content`` belongs into.
        content: the member as it should be.
        at: the offset.
        members: the others; the addresses of contracts stand in one of them.

    Returns:
        For example ``Rounds.deliver of 0x…``; empty where there is no such thing.
    """
    if name != TRANSACTIONS:
        return ""
    start = content.rfind(b"\n", 0, at) + 1
    end = content.find(b"\n", start)
    try:
        line = records.decode(TransactionLine, content[start:end], "line")
        transaction = decode_transaction(block_form(line.raw))
        contracts = records.decode(Contracts, members.get(CONTRACTS, b""), CONTRACTS)
        action = _action(transaction.to, transaction.data, contracts)
    except DecodeError:
        return ""
    return f"{action} of {transaction.sender}"


def _action(to: bytes | None, data: bytes, contracts: Contracts) -> str:
    if to is None:
        made = (name for name in ORDER if artifact.load(name).creates(data))
        return f"the deployment of {next(made, 'another contract')}"
    name = next((found.name for found in contracts.contracts if found.address == to), None)
    if name not in _BY_NAME:
        return f"a call of 0x{to.hex()}"
    for function in _BY_NAME[name].functions:
        if data[:4] == function.selector:
            return f"{name}.{function.solidity_name}"
    return f"a call of {name}"
