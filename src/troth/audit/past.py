"""One digest over all that happened on a chain, which asks no block for its hash.

An engine's block hash is its own business: some leave the votes of their validators out of it, some
hash other fields, or with another function. What an audit rests on is less: which transactions
there were, in which block and at what time, and what became of each. This digest binds exactly
these. Every engine that runs the contracts can give them.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from troth.audit.chain import Chain
from troth.domain.hashing import integer, labelled
from troth.ledger.client import Ledger
from troth.ledger.evidence import encode_receipt

BlockContent = tuple[int, int, Sequence[tuple[bytes, bytes]]]
"""Number, timestamp in seconds since 1970, and each transaction as signed with its receipt."""


def history(chain_id: int, blocks: Iterable[BlockContent]) -> bytes:
    """The digest of a chain's blocks, from block 0 on, empty ones included.

    Each block is hashed with the digest of those before it. So a member that follows its node keeps
    32 bytes, and no two different pasts have one digest.
    """
    digest = labelled("history", (integer(chain_id),))
    for number, timestamp, transactions in blocks:
        content = (part for pair in transactions for part in pair)
        digest = labelled("history-block", (digest, integer(number), integer(timestamp), *content))
    return digest


def history_of_chain(chain: Chain) -> bytes:
    """The digest of a bundle's chain; run by the auditor."""
    entries = {
        number: [(entry.transaction.raw, encode_receipt(entry.receipt)) for entry in group]
        for number, group in groupby(chain.entries, lambda entry: entry.block.number)
    }
    return history(
        chain.chain_id,
        (
            (header.number, header.timestamp, entries.get(header.number, ()))
            for header in chain.headers
        ),
    )


def history_of_ledger(ledger: Ledger, last: int) -> bytes:
    """The digest of a ledger's blocks 0 to ``last``; run by a member, on its own node."""
    blocks = (ledger.block(number) for number in range(last + 1))
    return history(
        ledger.chain_id,
        (
            (
                block.header.number,
                block.header.timestamp,
                [
                    (entry.transaction.raw, receipt)
                    for entry, receipt in zip(block.transactions, block.raw.receipts, strict=True)
                ],
            )
            for block in blocks
        ),
    )
