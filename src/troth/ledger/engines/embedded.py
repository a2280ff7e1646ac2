"""The embedded engine: an Ethereum virtual machine inside this process (py-evm, Cancun rules).

It is a single operator without consensus. What it adds to a plain program is that the same
contracts decide and that every step leaves the same signed evidence as on a real network. Each
transaction gets its own block, one second after the one before; block time is independent of the
clock on the wall, so runs can be repeated. Everything is in memory.

Works on py-evm directly: the layers of eth-tester and web3 cost several times the execution.
"""

from collections.abc import Iterable
from typing import Any

import rlp
from eth.abc import BlockAPI, BlockHeaderAPI, ComputationAPI, VirtualMachineAPI
from eth.chains.base import MiningChain
from eth.consensus.applier import ConsensusApplier
from eth.consensus.noproof import NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert
from eth.vm.forks.cancun import CancunVM
from eth_utils.exceptions import ValidationError

from troth.errors import LedgerError
from troth.ledger.address import Address
from troth.ledger.backend import EngineInfo, Outcome, Submission
from troth.ledger.client import DevelopmentLedger
from troth.ledger.interface import Contract
from troth.ledger.records import RawBlock

INFO = EngineInfo("embedded", "single operator, no consensus")
BALANCE = 10**24  # wei; fees are zero, so this only has to be there
BLOCK_GAS_LIMIT = 30_000_000


class EmbeddedBackend:
    """The engine; see :func:`open_embedded` for its arguments."""

    info = INFO
    gas_limit = BLOCK_GAS_LIMIT

    def __init__(self, chain_id: int, timestamp: int, funded: Iterable[Address]) -> None:
        self.chain_id = chain_id
        rules = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, CancunVM),))
        names = {"chain_id": chain_id, "vm_configuration": rules}
        kind: Any = type("Chain", (MiningChain,), names)  # Any: its newtypes are not ours
        genesis = {
            "difficulty": 0,
            "gas_limit": BLOCK_GAS_LIMIT,
            "timestamp": timestamp,
            "base_fee_per_gas": 0,  # stays 0 while blocks are at most half full
        }
        account = {"balance": BALANCE, "nonce": 0, "code": b"", "storage": {}}
        self._chain = kind.from_genesis(AtomicDB(), genesis, dict.fromkeys(funded, account))
        self._head: BlockHeaderAPI = self._chain.get_canonical_head()

    def head(self) -> int:
        """The newest block."""
        number: int = self._head.block_number
        return number

    def final(self) -> int:
        """The newest block: nobody else could replace it."""
        return self.head()

    def block(self, number: int) -> RawBlock:
        """A block, from the chain's own objects."""
        block = self._chain.get_canonical_block_by_number(number)
        receipts = block.get_receipts(self._chain.chaindb)
        return RawBlock(
            header=rlp.encode(block.header),
            transactions=tuple(transaction.encode() for transaction in block.transactions),
            receipts=tuple(receipt.encode() for receipt in receipts),
        )

    def nonce(self, address: Address) -> int:
        """How many transactions this account has sent."""
        nonce: int = self._chain.get_vm(self._head).state.get_nonce(address)
        return nonce

    def code(self, address: Address) -> bytes:
        """The code at this address."""
        code: bytes = self._chain.get_vm(self._head).state.get_code(address)
        return code

    def fee(self) -> int:
        """The base fee of the next block."""
        return self._next_header(1).base_fee_per_gas or 0

    def call(self, sender: Address, to: Address, data: bytes, block: int) -> Outcome:
        """Execute on the state after ``block``; the machine's state object is thrown away."""
        vm = self._chain.get_vm(self._chain.get_canonical_block_header_by_number(block))
        computation = vm.execute_bytecode(
            origin=sender,
            gas_price=0,
            gas=self.gas_limit,
            to=to,
            sender=sender,
            value=0,
            data=data,
            code=vm.state.get_code(to),
        )
        return _outcome(computation)

    def submit(self, raw: bytes, *, force: bool) -> Submission:
        """Execute once; keep the result as a block, or throw it away.

        The trial and the transaction are the same execution: nothing reaches the database before
        the block is sealed.
        """
        header = self._next_header(1)
        vm = self._chain.get_vm(header)
        transaction = vm.get_transaction_builder().decode(raw)
        try:
            receipt, computation = vm.apply_transaction(header, transaction)
        except ValidationError as problem:
            raise LedgerError(
                f"the embedded engine refuses the transaction: {problem}"
            ) from problem
        outcome = _outcome(computation)
        if outcome.failure is not None and not force:
            return Submission(outcome, None)
        filled = vm.set_block_transactions_and_withdrawals(
            vm.get_block(), vm.add_receipt_to_header(header, receipt), (transaction,), (receipt,)
        )
        self._seal(vm, filled)
        return Submission(outcome, self.head())

    def advance(self, seconds: int) -> None:
        """Make one empty block."""
        vm = self._chain.get_vm(self._next_header(seconds))
        self._seal(vm, vm.get_block())

    def close(self) -> None:
        """Nothing to free."""

    def _next_header(self, seconds: int) -> BlockHeaderAPI:
        header: BlockHeaderAPI = self._chain.create_header_from_parent(
            self._head,
            timestamp=self._head.timestamp + seconds,
            gas_limit=self._head.gas_limit,
        )
        return header

    def _seal(self, vm: VirtualMachineAPI, block: BlockAPI) -> None:
        sealed = vm.mine_block(block).block
        self._chain.chaindb.persist_block(sealed)
        self._head = sealed.header


def _outcome(computation: ComputationAPI) -> Outcome:
    if computation.is_success:
        return Outcome(computation.output, None)
    if isinstance(computation.error, Revert):
        return Outcome(computation.output, "revert")
    return Outcome(b"", f"{type(computation.error).__name__}: {computation.error}")


def open_embedded(
    contracts: Iterable[Contract],
    *,
    timestamp: int,
    funded: Iterable[Address] = (),
    chain_id: int = 31337,
) -> DevelopmentLedger:
    """Start an embedded ledger.

    Args:
        contracts: the interfaces that it will know.
        timestamp: time of the genesis block, in seconds since 1970.
        funded: accounts that own something at the start; fees are zero, so none needs to.
        chain_id: the chain id that transactions must carry.
    """
    return DevelopmentLedger(EmbeddedBackend(chain_id, timestamp, funded), contracts)
