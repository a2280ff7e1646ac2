"""The anvil engine: a development node in a process of its own, spoken to over loopback HTTP.

One process without consensus, and its administrative methods could rewrite anything: for local
work. Like the embedded engine it puts each transaction into its own block, one second after the
one before, whatever the clock on the wall says.
"""

import re
import shutil
import socket
import subprocess
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from requests import Session
from web3.exceptions import Web3Exception
from web3.providers.rpc import HTTPProvider
from web3.types import RPCEndpoint

from troth.errors import EngineUnavailable, LedgerError, ParameterError
from troth.ledger.address import Address
from troth.ledger.backend import EngineInfo, Outcome, Submission
from troth.ledger.client import DevelopmentLedger
from troth.ledger.engines import wire
from troth.ledger.evidence import decode_transaction
from troth.ledger.interface import Contract
from troth.ledger.records import RawBlock

INFO = EngineInfo("anvil", "single process, no consensus")
BALANCE = 10**24  # wei; fees are zero, so this only has to be there
BLOCK_GAS_LIMIT = 30_000_000
START_SECONDS = 20.0
RECEIPT_SECONDS = 20.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.001
WITHOUT_TRANSACTIONS = False
REVERTED = 3  # JSON-RPC error code of an execution that reverted

# The package of the platform's binary, below a checkout's contracts folder. The command is called
# by its path: an unrelated package installs one of the same name.
PACKAGED = Path("contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
CHECKOUT = Path(__file__).parents[4]


def find_binary(folders: Iterable[Path] = (CHECKOUT,)) -> Path:
    """The anvil to run: that of a checkout's ``contracts/node_modules``, else the one on PATH.

    Raises:
        EngineUnavailable: if there is none.
    """
    for folder in folders:
        if (folder / PACKAGED).is_file():
            return folder / PACKAGED
    on_path = shutil.which("anvil")
    if on_path is not None:
        shown = subprocess.run(  # noqa: S603 - the program that the person has installed
            [on_path, "--version"], capture_output=True, text=True, check=False, timeout=10
        ).stdout
        if re.match(r"anvil (Version: )?\d", shown):
            return Path(on_path)
    raise EngineUnavailable(
        "the ledger engine anvil is not installed; run `npm ci` in contracts/, put anvil on PATH, "
        "or choose the embedded engine"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the process that we started; SIGTERM lets it write its state file."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class AnvilBackend:
    """The engine; see :func:`open_anvil` for its arguments."""

    info = INFO
    gas_limit = BLOCK_GAS_LIMIT

    def __init__(
        self, command: list[str], chain_id: int, depth: int, funded: Iterable[Address]
    ) -> None:
        self.chain_id = chain_id
        self._depth = depth
        port = _free_port()
        self._process = subprocess.Popen(  # noqa: S603 - found by path, arguments are ours
            [*command, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._end = weakref.finalize(self, _stop, self._process)
        self._session = session = Session()
        session.trust_env = False  # loopback goes through nobody's proxy, and it is twice as fast
        self._provider = HTTPProvider(
            f"http://127.0.0.1:{port}", session=session, exception_retry_configuration=None
        )
        self._wait_until_up()
        self._ask("anvil_setBlockTimestampInterval", 1)
        for address in funded:
            self._ask("anvil_setBalance", str(address), hex(BALANCE))

    def head(self) -> int:
        """The newest block."""
        return wire.quantity(self._ask("eth_blockNumber"))

    def final(self) -> int:
        """The block that is ``depth`` below the head, or genesis."""
        return max(0, self.head() - self._depth)

    def block(self, number: int) -> RawBlock:
        """A block, its header and receipts rebuilt from the node's JSON."""
        block, receipts = self._ask_all(
            (RPCEndpoint("eth_getBlockByNumber"), [hex(number), WITHOUT_TRANSACTIONS]),
            (RPCEndpoint("eth_getBlockReceipts"), [hex(number)]),
        )
        if block is None:
            raise LedgerError(f"anvil does not have block {number}")
        raws = self._ask_all(
            *(
                (RPCEndpoint("eth_getRawTransactionByHash"), [hashed])
                for hashed in block["transactions"]
            )
        )
        return RawBlock(
            header=wire.header(block),
            transactions=tuple(wire.data(raw) for raw in raws),
            receipts=tuple(wire.receipt(receipt) for receipt in receipts or ()),
        )

    def nonce(self, address: Address) -> int:
        """How many transactions this account has sent."""
        return wire.quantity(self._ask("eth_getTransactionCount", str(address), "latest"))

    def code(self, address: Address) -> bytes:
        """The code at this address."""
        return wire.data(self._ask("eth_getCode", str(address), "latest"))

    def fee(self) -> int:
        """The base fee of the next block."""
        pending = self._ask("eth_getBlockByNumber", "pending", WITHOUT_TRANSACTIONS)
        return wire.quantity(pending["baseFeePerGas"])

    def call(self, sender: Address, to: Address, data: bytes, block: int) -> Outcome:
        """Execute on the state after ``block``."""
        return self._try(sender, to, data, hex(block))

    def submit(self, raw: bytes, *, force: bool) -> Submission:
        """Try the transaction in the next block's place, then send it and wait for its receipt."""
        transaction = decode_transaction(raw)
        outcome = self._try(transaction.sender, transaction.to, transaction.data, "pending")
        if outcome.failure is not None and not force:
            return Submission(outcome, None)
        hashed = self._ask("eth_sendRawTransaction", "0x" + raw.hex())
        deadline = time.monotonic() + RECEIPT_SECONDS
        while (receipt := self._ask("eth_getTransactionReceipt", hashed)) is None:
            if time.monotonic() > deadline:
                raise LedgerError(f"anvil has no receipt of {hashed} after {RECEIPT_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        return Submission(outcome, wire.quantity(receipt["blockNumber"]))

    def advance(self, seconds: int) -> None:
        """Make one empty block."""
        head = self._ask("eth_getBlockByNumber", "latest", WITHOUT_TRANSACTIONS)
        self._ask("evm_setNextBlockTimestamp", hex(wire.quantity(head["timestamp"]) + seconds))
        self._ask("evm_mine")

    def close(self) -> None:
        """End the process."""
        self._session.close()
        self._end()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._provider.is_connected():
            if self._process.poll() is not None:
                raise EngineUnavailable(
                    f"anvil ended at its start with code {self._process.returncode}; "
                    "is its state file readable and of the same version?"
                )
            if time.monotonic() > deadline:
                self.close()
                raise EngineUnavailable(f"anvil does not answer after {START_SECONDS:.0f} s")
            time.sleep(0.02)

    def _try(self, sender: Address, to: Address | None, data: bytes, block: str) -> Outcome:
        call = {"from": str(sender), "data": "0x" + data.hex(), "gas": hex(self.gas_limit)}
        if to is not None:
            call["to"] = str(to)
        answer = self._request("eth_call", [call, block])
        if "error" not in answer:
            return Outcome(wire.data(answer["result"]), None)
        error = answer["error"]
        if error["code"] == REVERTED:
            return Outcome(wire.data(error.get("data", "0x")), "revert")
        return Outcome(b"", error["message"])

    def _ask(self, method: str, *params: Any) -> Any:
        return _result(method, self._request(method, list(params)))

    def _ask_all(self, *calls: tuple[RPCEndpoint, list[Any]]) -> list[Any]:
        """Several questions in one exchange."""
        if not calls:
            return []
        answers = self._guarded(lambda: self._provider.make_batch_request(list(calls)))
        return [_result(call[0], answer) for call, answer in zip(calls, answers, strict=True)]

    def _request(self, method: str, params: list[Any]) -> Any:
        return self._guarded(lambda: self._provider.make_request(RPCEndpoint(method), params))

    def _guarded(self, exchange: Callable[[], Any]) -> Any:
        try:
            return exchange()
        except (OSError, Web3Exception) as problem:
            raise EngineUnavailable(f"anvil does not answer: {problem}") from problem


def _result(method: str, answer: Any) -> Any:
    if "error" in answer:
        raise LedgerError(f"anvil refuses {method}: {answer['error']['message']}")
    return answer["result"]


def open_anvil(
    contracts: Iterable[Contract],
    *,
    timestamp: int,
    funded: Iterable[Address] = (),
    chain_id: int = 31337,
    depth: int = 2,
    binary: Path | None = None,
    state: Path | None = None,
) -> DevelopmentLedger:
    """Start an anvil process and a ledger on it.

    Args:
        contracts: the interfaces that the ledger will know.
        timestamp: time of the genesis block, in seconds since 1970; a state file's own counts.
        funded: accounts that own something at the start; fees are zero, so none needs to.
        chain_id: the chain id that transactions must carry.
        depth: a block is final when this many follow it. Nobody else makes blocks here, so
            :meth:`~troth.ledger.client.DevelopmentLedger.advance` is what makes the last ones
            final.
        binary: the program; found by :func:`find_binary` if not given.
        state: a file that keeps the chain; read if it exists, written at the end and while running.

    Raises:
        EngineUnavailable: if anvil is not installed or does not start.
        ParameterError: for a negative depth.
    """
    if depth < 0:
        raise ParameterError(f"depth is {depth}, a block has no negative number of followers")
    command = [
        str(binary or find_binary()),
        *("--quiet", "--host", "127.0.0.1", "--accounts", "1", "--order", "fifo"),
        *("--hardfork", "cancun", "--chain-id", str(chain_id), "--timestamp", str(timestamp)),
        *("--block-base-fee-per-gas", "0", "--gas-limit", str(BLOCK_GAS_LIMIT)),
    ]
    if state is not None:
        command += ["--state", str(state), "--state-interval", "5", "--preserve-historical-states"]
    return DevelopmentLedger(AnvilBackend(command, chain_id, depth, funded), contracts)
