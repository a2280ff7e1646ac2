"""The generated bindings: current, complete, and exact on calldata."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.errors import DecodeError, EncodingError, ParameterError
from troth.ledger import abi, artifact, bindings, generate
from troth.ledger.address import ZERO
from troth.ledger.evidence import Log
from troth.ledger.interface import Contract, Error, Function, Param

FUNCTIONS = [function for contract in bindings.CONTRACTS for function in contract.functions]
NAMES = {contract.name: contract for contract in bindings.CONTRACTS}


@settings(deadline=None)
@given(data=st.data())
def test_calldata_is_read_back_exactly(data, values_of, probe):
    functions = [*FUNCTIONS, *probe.CONTRACT.functions]
    function = data.draw(st.sampled_from(functions))
    call = function(*(data.draw(values_of(param.type)) for param in function.inputs))
    contract = NAMES.get(function.contract, probe.CONTRACT)
    encoded = call.encode()
    assert encoded[:4] == function.selector
    assert contract.decode_call(encoded) == call
    assert tuple(call.named.values()) == call.arguments
    with pytest.raises(DecodeError):
        contract.decode_call(encoded + b"\0")
    with pytest.raises(DecodeError):
        contract.decode_call(encoded[:-1])


def test_unknown_calldata_is_refused(probe):
    for junk in (b"", b"\1\2\3", b"\1\2\3\4"):
        with pytest.raises(DecodeError, match="has no function"):
            probe.CONTRACT.decode_call(junk)


@settings(deadline=None)
@given(data=st.data())
def test_events_are_read_back_exactly(data, values_of, probe):
    contract = data.draw(st.sampled_from([*bindings.CONTRACTS, probe.CONTRACT]))
    event = data.draw(st.sampled_from(contract.events))
    values = [data.draw(values_of(param.type)) for param in event.PARAMS]
    paired = list(zip(event.PARAMS, values, strict=True))
    topics = [abi.encode([param.type], [value]) for param, value in paired if param.indexed]
    rest = [(param.type, value) for param, value in paired if not param.indexed]
    content = abi.encode([kind for kind, _ in rest], [value for _, value in rest])
    log = Log(address=ZERO, topics=(event.topic(), *topics), data=content)
    assert contract.decode_event(log) == event(*values)
    with pytest.raises(DecodeError):
        contract.decode_event(dataclasses.replace(log, data=content + b"\0"))
    with pytest.raises(DecodeError):
        contract.decode_event(dataclasses.replace(log, topics=log.topics[1:]))
    with pytest.raises(DecodeError):
        contract.decode_event(dataclasses.replace(log, topics=(*log.topics, bytes(32))))
    with pytest.raises(DecodeError):
        event.decode(dataclasses.replace(log, topics=(bytes(32), *log.topics[1:])))


@settings(deadline=None)
@given(data=st.data())
def test_errors_are_read_back_exactly(data, values_of, probe):
    contract = data.draw(st.sampled_from([*bindings.CONTRACTS, probe.CONTRACT]))
    error = data.draw(st.sampled_from(contract.errors))
    values = [data.draw(values_of(param.type)) for param in error.inputs]
    encoded = error.selector + abi.encode([param.type for param in error.inputs], values)
    assert list(error.decode(encoded).values()) == values
    with pytest.raises(DecodeError):
        error.decode(encoded + b"\0")
    with pytest.raises(DecodeError):
        error.decode(bytes([encoded[0] ^ 1]) + encoded[1:])


def test_a_topic_of_a_dynamic_type_is_its_hash():
    source = generate.generate([with_abi(event("Said", [param("string", "text", indexed=True)]))])
    assert "text: bytes" in source["odd.py"]


def test_constructors_are_read_back(probe, accounts):
    other = next(accounts).address
    encoded = probe.CONTRACT.encode_constructor((5, other))
    assert probe.CONTRACT.decode_constructor(encoded) == {"limit": 5, "peer": other}
    with pytest.raises(DecodeError):
        probe.CONTRACT.decode_constructor(encoded[:-1])
    with pytest.raises(EncodingError):
        probe.CONTRACT.encode_constructor((5,))


def test_the_bindings_are_those_of_the_artefacts(capsys):
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_every_entry_of_every_artefact_has_its_binding():
    assert sorted(NAMES) == artifact.names()
    assert not set(NAMES) & set(artifact.libraries())
    for name, contract in NAMES.items():
        entries = [(entry["type"], entry.get("name")) for entry in artifact.load(name).abi]
        bound: list[tuple[str, str | None]] = [("constructor", None)]
        bound += [("function", function.solidity_name) for function in contract.functions]
        bound += [("event", event.SOLIDITY_NAME) for event in contract.events]
        bound += [("error", error.name) for error in contract.errors]
        assert sorted(map(str, entries)) == sorted(map(str, bound))


def test_a_difference_is_named(tmp_path, capsys, probe_package):
    folder = tmp_path / "bindings"
    assert generate.main(["--artifacts", str(tmp_path), "--out", str(folder)]) == 0
    (folder / "structs.py").write_text("")
    (folder / "stray.py").write_text("")
    assert generate.main(["--check", "--artifacts", str(tmp_path), "--out", str(folder)]) == 1
    told = capsys.readouterr().err
    assert "structs.py differs" in told
    assert "stray.py differs" in told
    assert "__init__.py" not in told


def test_what_a_library_refuses_or_logs_is_known_from_a_contract():
    kinds = {"error", "event"}
    known = [entry for name in artifact.names() for entry in artifact.load(name).abi]
    for name in artifact.libraries():
        for entry in artifact.load(name).abi:
            assert entry["type"] not in kinds or entry in known, f"{name}: {entry['name']}"


def test_no_two_contracts_share_an_error_selector_with_other_meaning():
    seen: dict[bytes, object] = {}
    for contract in bindings.CONTRACTS:
        for error in contract.errors:
            meaning = (error.name, tuple(param.type.name for param in error.inputs))
            assert seen.setdefault(error.selector, meaning) == meaning


@pytest.mark.parametrize(
    ("solidity", "python"),
    [
        ("labelHashes", "label_hashes"),
        ("limit_", "limit"),
        ("X", "x"),
        ("studyURI", "study_uri"),
        ("HPKEKey", "hpke_key"),
        ("from", "from_"),
        ("keyHead3", "key_head3"),
    ],
)
def test_names_become_pythons(solidity, python):
    assert generate.snake(solidity) == python


def param(kind: str, name: str, **more: Any) -> Any:
    return {"type": kind, "internalType": kind, "name": name, **more}


def event(name: str, inputs: Any, *, anonymous: bool = False) -> Any:
    return {"type": "event", "name": name, "inputs": inputs, "anonymous": anonymous}


def function(name: str, inputs: Any) -> Any:
    return {
        "type": "function",
        "name": name,
        "inputs": inputs,
        "outputs": [],
        "stateMutability": "nonpayable",
    }


def struct(name: str, *components: Any) -> Any:
    return {
        "type": "tuple",
        "internalType": f"struct IOdd.{name}",
        "name": name.lower(),
        "components": list(components),
    }


UNUSED: dict[str, Any] = {
    **dict.fromkeys(("creation_code", "runtime_code", "digest"), b""),
    "links": {},
    "runtime_links": {},
    "immutables": (),
}


def with_abi(*entries: Any) -> artifact.Artifact:
    return artifact.Artifact("Odd", library=False, abi=entries, **UNUSED)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([event("Quiet", [], anonymous=True)], "anonymous"),
        ([function("f", []), function("f", [param("bool", "b")])], "two meanings"),
        ([event("Call", [])], "two meanings"),
        ([function("f", [param("bool", "a"), param("bool", "a_")])], "two parameters"),
        ([function("f", [param("fixed128x18", "x")])], "no codec"),
        (
            [function("f", [struct("S", param("bool", "b")), struct("S", param("uint8", "b"))])],
            "two different structs",
        ),
    ],
)
def test_an_interface_without_a_clear_binding_is_refused(entries, message):
    with pytest.raises(ParameterError, match=message):
        generate.generate([with_abi(*entries)])


def test_an_error_of_another_contract_is_not_taken_for_ones_own():
    contract = Contract("Mine", errors=(Error("Mine", (Param("x", abi.Bool()),)),))
    assert contract.find_error(b"\0\0\0\0") is None
    selector = contract.errors[0].selector
    assert contract.find_error(selector) is contract.errors[0]


def test_selectors_are_the_standard_ones():
    transfer = Function[bool](
        "Token", "transfer", (Param("to", abi.AddressType()), Param("value", abi.Uint(256)))
    )
    assert transfer.signature == "transfer(address,uint256)"
    assert transfer.selector.hex() == "a9059cbb"
