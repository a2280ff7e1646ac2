"""The ledger as the rest of Troth sees it: typed calls in, receipts and typed events out.

One class for every engine; engines differ only in their :class:`~troth.ledger.backend.Backend`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from troth.errors import ContractRefused, DecodeError, LedgerError, ParameterError, WrongChain
from troth.ledger.account import Account
from troth.ledger.address import ZERO, Address
from troth.ledger.artifact import Artifact, libraries
from troth.ledger.backend import Backend, DevelopmentBackend, EngineInfo, Outcome
from troth.ledger.evidence import (
    BLOB,
    DYNAMIC_FEE,
    SignedTransaction,
    UnsignedTransaction,
    contract_address,
    decode_transaction,
    sign,
)
from troth.ledger.interface import BUILT_IN_ERRORS, Call, Contract
from troth.ledger.records import BlockRecord, BlockRef, LoggedEvent, Receipt

R = TypeVar("R")

KEPT_BLOCKS = 4096  # final blocks kept read, so that several readers of events share the work


class Ledger:
    """A ledger on one engine.

    Args:
        backend: the engine.
        contracts: the interfaces of the contracts that will be talked to.

    Calls name contracts, not addresses: :meth:`bind` says where each contract lives, and
    :meth:`deploy` binds what it deploys. Nothing here waits for finality; read
    :meth:`final` and act on what is in it.
    """

    def __init__(self, backend: Backend, contracts: Iterable[Contract]) -> None:
        self._backend = backend
        self._contracts = {contract.name: contract for contract in contracts}
        self._addresses: dict[str, Address] = {}
        self._at: dict[Address, Contract] = {}
        self._errors = {
            error.selector: error
            for errors in (BUILT_IN_ERRORS, *(c.errors for c in self._contracts.values()))
            for error in errors
        }
        self._final_blocks: dict[int, BlockRecord] = {}

    @property
    def engine(self) -> EngineInfo:
        """The engine's name and what its word is worth."""
        return self._backend.info

    @property
    def chain_id(self) -> int:
        """The chain id that every transaction must carry."""
        return self._backend.chain_id

    @property
    def addresses(self) -> Mapping[str, Address]:
        """Where each bound contract lives, by name."""
        return dict(self._addresses)

    def bind(self, addresses: Mapping[str, Address]) -> None:
        """Say where contracts live, and the libraries that they call.

        Raises:
            ParameterError: for a contract whose interface this ledger was not given.
        """
        interfaces = {
            address: self._interface(name)
            for name, address in addresses.items()
            if name not in libraries()
        }
        self._addresses.update(addresses)
        self._at.update(interfaces)

    def head(self) -> BlockRef:
        """The newest block."""
        return self._record(self._backend.head()).ref

    def final(self) -> BlockRef:
        """The newest block that cannot be replaced any more."""
        return self._record(self._backend.final()).ref

    def block(self, number: int) -> BlockRecord:
        """A block with its transactions and receipts.

        Raises:
            ParameterError: if there is no such block.
        """
        if not 0 <= number <= self._backend.head():
            raise ParameterError(f"there is no block {number} yet")
        return self._record(number)

    def nonce(self, address: Address) -> int:
        """The nonce that the account's next transaction must carry."""
        return self._backend.nonce(address)

    def code(self, address: Address) -> bytes:
        """The code at this address; empty if no contract lives there."""
        return self._backend.code(address)

    def call(self, call: Call[R], sender: Address = ZERO, *, block: int | None = None) -> R:
        """Ask a contract: run a call on the state after ``block`` (the head) and change nothing.

        Raises:
            ContractRefused: if the contract reverts.
            ParameterError: if the contract is not bound.
        """
        number = self._backend.head() if block is None else block
        outcome = self._backend.call(sender, self._target(call), call.encode(), number)
        if outcome.failure is not None:
            raise self._refusal(call.action, outcome)
        return call.decode_result(outcome.output)

    def send(self, account: Account, call: Call[Any], *, force: bool = False) -> Receipt:
        """Sign and send a call; its receipt once it is in a block.

        The call is first tried against the head. With ``force`` a refusal is recorded on the
        ledger instead of raised, and the receipt carries it.

        Raises:
            ContractRefused: if the contract reverts; then nothing was sent.
            EncodingError: if an argument does not fit.
            LedgerError: if the engine does not take the transaction.
        """
        raw = self._sign(account, self._target(call), call.encode())
        return self._submit(decode_transaction(raw), call.action, force=force)

    def send_raw(self, raw: bytes, *, force: bool = False) -> Receipt:
        """Send a transaction that was signed elsewhere; as :meth:`send` otherwise.

        Raises:
            DecodeError: if it is no transaction.
            WrongChain: if it is for another chain, or for every chain.
            LedgerError: if its nonce is not the sender's next one, or if it needs blobs.
        """
        transaction = decode_transaction(raw)
        if transaction.type == BLOB:  # read in blocks, but no node takes it without its blobs
            raise LedgerError("a transaction with blobs is none that this ledger sends")
        if transaction.chain_id != self.chain_id:
            raise WrongChain(self.chain_id, transaction.chain_id)
        following = self._backend.nonce(transaction.sender)
        if transaction.nonce != following:
            raise LedgerError(
                f"transaction {transaction.nonce} of {transaction.sender}: "
                f"the next one is number {following}"
            )
        return self._submit(transaction, self._action(transaction), force=force)

    def deploy(self, account: Account, artifact: Artifact, arguments: Sequence[Any]) -> Address:
        """Deploy a contract, or a library, and bind its name to the new address.

        Raises:
            ContractRefused: if the constructor reverts; then nothing was sent.
            EncodingError: if an argument does not fit.
            ParameterError: for a contract whose interface this ledger was not given, or one that
                is not linked.
        """
        name = artifact.name
        interface = Contract(name) if artifact.library else self._interface(name)
        data = artifact.init_code + interface.encode_constructor(arguments)
        raw = self._sign(account, None, data)
        receipt = self._submit(decode_transaction(raw), f"{name}.constructor", force=False)
        address = receipt.contract_address
        if address is None:
            raise LedgerError(f"{name}: the transaction created no contract")
        self._addresses[name] = address
        if not artifact.library:
            self._at[address] = interface
        return address

    def events(
        self, from_block: int, to_block: int | None = None, *, final: bool = True
    ) -> Iterator[LoggedEvent]:
        """The events of bound contracts in order, blocks ``from_block`` to ``to_block`` included.

        Reads receipts, so it works alike on every engine. Without ``to_block``: up to the newest
        final block, or with ``final=False`` up to the head.

        Raises:
            ParameterError: if ``to_block`` is beyond that.
            DecodeError: if a bound contract logged something that its interface does not know.
        """
        newest = self._backend.final() if final else self._backend.head()
        if to_block is not None and to_block > newest:
            raise ParameterError(f"block {to_block} is not {'final' if final else 'there'} yet")
        last = newest if to_block is None else to_block
        for number in range(from_block, last + 1):
            yield from self._events(self._record(number))

    def close(self) -> None:
        """Free what the engine holds; ends a process that it started."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _interface(self, name: str) -> Contract:
        if name not in self._contracts:
            raise ParameterError(f"this ledger does not know a contract named {name}")
        return self._contracts[name]

    def _target(self, call: Call[Any]) -> Address:
        if call.contract not in self._addresses:
            raise ParameterError(f"{call.action}: the address of {call.contract} is not bound")
        return self._addresses[call.contract]

    def _sign(self, account: Account, to: Address | None, data: bytes) -> bytes:
        fee = self._backend.fee()
        unsigned = UnsignedTransaction(
            type=DYNAMIC_FEE,
            chain_id=self.chain_id,
            nonce=self._backend.nonce(account.address),
            max_priority_fee=0,
            max_fee=fee,
            gas_limit=self._backend.gas_limit,
            to=to,
            value=0,
            data=data,
        )
        return sign(unsigned, account.sign)

    def _submit(self, transaction: SignedTransaction, action: str, *, force: bool) -> Receipt:
        submission = self._backend.submit(transaction.raw, force=force)
        if submission.block is None:
            raise self._refusal(action, submission.outcome)
        record = self._record(submission.block)
        for entry in record.transactions:
            if entry.transaction.hash == transaction.hash:
                break
        else:
            raise LedgerError(f"{action}: block {submission.block} lacks the transaction")
        refusal = None
        if entry.receipt.status == 0:
            refusal = self._refusal(action, submission.outcome)
            if not force:  # the trial passed, but something came before it in the block
                raise refusal
        created = contract_address(transaction.sender, transaction.nonce)
        return Receipt(
            transaction=transaction.hash,
            sender=transaction.sender,
            block=record.ref,
            status=entry.receipt.status,
            gas_used=entry.gas_used,
            calldata_size=len(transaction.data),
            logs=entry.receipt.logs,
            events=tuple(e for e in self._events(record) if e.transaction == transaction.hash),
            contract_address=created if transaction.to is None and refusal is None else None,
            refusal=refusal,
        )

    def _record(self, number: int) -> BlockRecord:
        known = self._final_blocks.get(number)
        if known is not None:
            return known
        record = BlockRecord.decode(self._backend.block(number))
        if number <= self._backend.final():
            self._final_blocks[number] = record
            if len(self._final_blocks) > KEPT_BLOCKS:
                del self._final_blocks[next(iter(self._final_blocks))]
        return record

    def _events(self, record: BlockRecord) -> Iterator[LoggedEvent]:
        index = 0
        for entry in record.transactions:
            for log in entry.receipt.logs:
                contract = self._at.get(log.address)
                if contract is not None:
                    yield LoggedEvent(
                        block=record.ref,
                        transaction=entry.transaction.hash,
                        index=index,
                        address=log.address,
                        contract=contract.name,
                        event=contract.decode_event(log),
                    )
                index += 1

    def _action(self, transaction: SignedTransaction) -> str:
        """What a foreign transaction does, as far as its target is known."""
        if transaction.to is None:
            return "a deployment"
        contract = self._at.get(transaction.to)
        if contract is None:
            return f"a call of {transaction.to}"
        try:
            return contract.decode_call(transaction.data).action
        except DecodeError:
            return f"a call of {contract.name}"

    def _refusal(self, action: str, outcome: Outcome) -> ContractRefused:
        """The contract's error, typed; errors of the contracts that it called come through."""
        if outcome.failure is None:
            return ContractRefused(action, "Unknown", {"reason": "it passed when it was tried"})
        if outcome.failure != "revert":
            return ContractRefused(action, "Halted", {"reason": outcome.failure})
        unknown = ContractRefused(action, "Unknown", {"data": "0x" + outcome.output.hex()})
        selector = outcome.output[:4]
        # Two contracts may have one error with other names for its arguments: the called one's.
        called = self._contracts.get(action.partition(".")[0])
        own = called.errors if called is not None else ()
        error = next((e for e in own if e.selector == selector), self._errors.get(selector))
        if error is None:
            return unknown
        try:
            return ContractRefused(action, error.name, error.decode(outcome.output))
        except DecodeError:  # the selector is ours, the rest is not: some other contract's error
            return unknown


class DevelopmentLedger(Ledger):
    """A ledger whose block time can be moved on: for demonstrations and tests."""

    def __init__(self, backend: DevelopmentBackend, contracts: Iterable[Contract]) -> None:
        super().__init__(backend, contracts)
        self._development = backend

    def advance(self, seconds: int) -> BlockRef:
        """Make one empty block, ``seconds`` after the head; on anvil this also moves finality.

        Raises:
            ParameterError: unless ``seconds`` is at least 1.
        """
        if seconds < 1:
            raise ParameterError(f"block time moves by at least 1 second, not {seconds}")
        self._development.advance(seconds)
        return self.head()
