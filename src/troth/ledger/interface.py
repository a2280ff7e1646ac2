"""A contract's interface as typed values: calls, events and custom errors.

The generated modules in ``bindings/`` are lists of these; everything that *does* something is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, Self, TypeVar

from eth_hash.auto import keccak

from troth.errors import DecodeError
from troth.ledger import abi
from troth.ledger.evidence import Log

R = TypeVar("R")


@dataclass(frozen=True)
class Param:
    """A parameter: its Python name, its type and, in an event, whether it is a topic."""

    name: str
    type: abi.Type
    indexed: bool = False


def _signature(name: str, params: Sequence[Param]) -> str:
    return f"{name}({','.join(param.type.name for param in params)})"


def _types(params: Sequence[Param]) -> list[abi.Type]:
    return [param.type for param in params]


def _names(params: Sequence[Param]) -> list[str]:
    return [param.name for param in params]


@dataclass(frozen=True)
class Function(Generic[R]):
    """A contract's function; calling it with its arguments in order gives a :class:`Call`.

    ``reads`` is true when it changes nothing (``view`` or ``pure``). ``result`` is the dataclass
    of its results, when there are several.
    """

    contract: str
    solidity_name: str
    inputs: tuple[Param, ...]
    outputs: tuple[Param, ...] = ()
    reads: bool = False
    result: type | None = None

    @cached_property
    def signature(self) -> str:
        """The canonical signature."""
        return _signature(self.solidity_name, self.inputs)

    @cached_property
    def selector(self) -> bytes:
        """The first four bytes of calldata."""
        return keccak(self.signature.encode())[:4]

    def __call__(self, *arguments: Any) -> "Call[R]":
        """A call with these arguments; they are checked when it is encoded."""
        return Call(self, arguments)


@dataclass(frozen=True)
class Call(Generic[R]):
    """One call of a contract's function: what to do, not yet where or by whom."""

    function: Function[R]
    arguments: tuple[Any, ...]

    @property
    def contract(self) -> str:
        """The contract's name."""
        return self.function.contract

    @property
    def action(self) -> str:
        """``Contract.function``, as messages name it."""
        return f"{self.function.contract}.{self.function.solidity_name}"

    @property
    def named(self) -> dict[str, Any]:
        """The arguments by parameter name."""
        return dict(zip(_names(self.function.inputs), self.arguments, strict=True))

    def encode(self) -> bytes:
        """The calldata.

        Raises:
            EncodingError: if an argument does not fit, naming the parameter.
        """
        inputs = self.function.inputs
        content = abi.encode(_types(inputs), self.arguments, _names(inputs))
        return self.function.selector + content

    def decode_result(self, data: bytes) -> R:
        """What the function returned: None, one value, or the dataclass of several.

        Raises:
            DecodeError: if the bytes are not the canonical encoding.
        """
        values = abi.decode(_types(self.function.outputs), data)
        if self.function.result is not None:
            result: R = self.function.result(*values)
            return result
        return values[0] if values else None  # type: ignore[return-value] # R is that type


_TOPICS: dict[type["Event"], bytes] = {}  # hashing a signature costs more than decoding a log


@dataclass(frozen=True)
class Event:
    """Base of every generated event: a frozen dataclass with the event's fields in ABI order.

    A topic of a dynamic type is its 32-byte hash: the ledger does not keep the value.
    """

    SOLIDITY_NAME: ClassVar[str]
    PARAMS: ClassVar[tuple[Param, ...]]

    @classmethod
    def topic(cls) -> bytes:
        """The first topic: the hash of the signature."""
        known = _TOPICS.get(cls)
        if known is None:
            known = keccak(_signature(cls.SOLIDITY_NAME, cls.PARAMS).encode())
            _TOPICS[cls] = known
        return known

    @classmethod
    def decode(cls, log: Log) -> Self:
        """The event that this log records.

        Raises:
            DecodeError: if the log is of another event or not canonically encoded.
        """
        indexed = [param for param in cls.PARAMS if param.indexed]
        if len(log.topics) != 1 + len(indexed) or log.topics[0] != cls.topic():
            raise DecodeError(f"a log with {len(log.topics)} topics is no {cls.SOLIDITY_NAME}")
        topic_types = [abi.FixedBytes(32) if p.type.size != abi.WORD else p.type for p in indexed]
        topics = iter(abi.decode(topic_types, b"".join(log.topics[1:])))
        rest = [param.type for param in cls.PARAMS if not param.indexed]
        data = iter(abi.decode(rest, log.data))
        return cls(*(next(topics) if param.indexed else next(data) for param in cls.PARAMS))


@dataclass(frozen=True)
class Error:
    """A contract's custom error."""

    name: str
    inputs: tuple[Param, ...]

    @cached_property
    def selector(self) -> bytes:
        """The first four bytes of the revert data."""
        return keccak(_signature(self.name, self.inputs).encode())[:4]

    def decode(self, data: bytes) -> dict[str, Any]:
        """The arguments by parameter name.

        Raises:
            DecodeError: if ``data`` is no canonical revert data of this error.
        """
        if data[:4] != self.selector:
            raise DecodeError(f"revert data {data[:4].hex()} is no {self.name}")
        values = abi.decode(_types(self.inputs), data[4:])
        return dict(zip(_names(self.inputs), values, strict=True))


# What the compiler itself makes: `revert("…")` and failed checks ("Error handling" in the
# Solidity documentation, 0.8.35).
BUILT_IN_ERRORS = (
    Error("Error", (Param("message", abi.Text()),)),
    Error("Panic", (Param("code", abi.Uint(256)),)),
)


@dataclass(frozen=True)
class Contract:
    """Everything that can be said to, and heard from, one contract."""

    name: str
    constructor: tuple[Param, ...] = ()
    functions: tuple[Function[Any], ...] = ()
    events: tuple[type[Event], ...] = ()
    errors: tuple[Error, ...] = ()

    @cached_property
    def _functions(self) -> dict[bytes, Function[Any]]:
        return {function.selector: function for function in self.functions}

    @cached_property
    def _events(self) -> dict[bytes, type[Event]]:
        return {event.topic(): event for event in self.events}

    @cached_property
    def _errors(self) -> dict[bytes, Error]:
        return {error.selector: error for error in self.errors}

    def encode_constructor(self, arguments: Sequence[Any]) -> bytes:
        """The bytes that follow the init code.

        Raises:
            EncodingError: if an argument does not fit, naming the parameter.
        """
        return abi.encode(_types(self.constructor), arguments, _names(self.constructor))

    def decode_constructor(self, data: bytes) -> dict[str, Any]:
        """The constructor's arguments by parameter name.

        Raises:
            DecodeError: if the bytes are not the canonical encoding.
        """
        values = abi.decode(_types(self.constructor), data)
        return dict(zip(_names(self.constructor), values, strict=True))

    def decode_call(self, calldata: bytes) -> Call[Any]:
        """The call that this calldata makes.

        Raises:
            DecodeError: for an unknown function or bytes that ``encode`` would not give.
        """
        function = self._functions.get(calldata[:4])
        if function is None:
            raise DecodeError(f"{self.name} has no function {calldata[:4].hex() or '(none)'}")
        return function(*abi.decode(_types(function.inputs), calldata[4:]))

    def decode_event(self, log: Log) -> Event:
        """The event that this log of the contract records.

        Raises:
            DecodeError: for an unknown event or a log that is not canonically encoded.
        """
        event = self._events.get(log.topics[0]) if log.topics else None
        if event is None:
            raise DecodeError(f"{self.name} has no event for the topics of this log")
        return event.decode(log)

    def find_error(self, selector: bytes) -> Error | None:
        """The custom error with this selector, None if the contract declares none such."""
        return self._errors.get(selector)
