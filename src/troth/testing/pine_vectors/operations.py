"""One step of PINE on encoded messages, under the name that the vectors give it.

Every step takes and gives bytes, as parties that share no memory would: messages are decoded
strictly before they are used. Names are those of draft-irtf-cfrg-vdaf-20 where it has one.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from troth.errors import DecodeError, EncodingError, ParameterError, ReportRejected
from troth.privacy.secagg.field import FIELD32, FIELD40, FIELD64, FIELD128, Field
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.xof import Xof, XofHmacSha256Aes128, XofTurboShake128
from troth.testing.pine_vectors.instance import Json, instance, measurement

FIELDS: dict[str, Field] = {f.name: f for f in (FIELD32, FIELD40, FIELD64, FIELD128)}
XOFS: dict[str, type[Xof]] = {x.__name__: x for x in (XofTurboShake128, XofHmacSha256Aes128)}

INPUTS: dict[str, tuple[str, ...]] = {
    "parameters": (),
    "shard": ("nonce", "rand"),
    "shard_integers": ("nonce", "rand"),
    "verify_init": ("verify_key", "nonce", "public_share", "input_share"),
    "verifier_shares_to_message": ("verifier_shares",),
    "check_joint_randomness": ("public_share", "verifier_shares", "verifier_message"),
    "verify_next": ("verifier_state", "verifier_message"),
    "aggregate": ("out_shares",),
    "unshard": ("agg_shares",),
    "unshard_integers": ("agg_shares",),
    "decode": ("data",),
    "xof": ("seed", "dst", "binder"),
    "xof_vec": ("seed", "dst", "binder"),
    "field_decode": ("data",),
    "field_encode": (),
}
"""Per step the keys that name values which go in."""

OUTPUTS: dict[str, tuple[str, ...]] = {
    "shard": ("public_share", "input_shares"),
    "shard_integers": ("public_share", "input_shares"),
    "verify_init": ("verifier_state", "verifier_share"),
    "verifier_shares_to_message": ("verifier_message",),
    "verify_next": ("out_share",),
    "aggregate": ("agg_share",),
    "xof": ("output",),
    "xof_vec": ("output",),
    "field_encode": ("data",),
}
"""Per step the keys that name values which come out."""

RESULTS: dict[str, str] = {
    "parameters": "derived",
    "unshard": "agg_result",
    "unshard_integers": "agg_result",
    "field_decode": "elements",
}
"""Per step the key whose content, written in the step itself, comes out."""

AUDIENCE = {"shard": "client", "shard_integers": "client"}
"""Who fails at a step that names no aggregator; everybody if it is not listed."""


_NAMES: dict[type[Exception], str] = {
    ParameterError: "parameter",
    EncodingError: "encoding",
    DecodeError: "decode",
}
FAILURES: tuple[type[Exception], ...] = (*_NAMES, ReportRejected)


def check_of(error: Exception) -> str:
    """The vectors' name of a failure, which is one of ``FAILURES``."""
    if isinstance(error, ReportRejected):
        return error.check
    return next(name for kind, name in _NAMES.items() if isinstance(error, kind))


def perform(
    parameters: Json | None,
    step: Json,
    inputs: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
) -> Json:
    """Carry out one step.

    Args:
        parameters: The instance's parameters; None for steps that need no instance.
        step: The step, of which only what is not bytes is read.
        inputs: The bytes (or lists of bytes) under the keys of ``INPUTS``.
        options: Further arguments of ``Pine`` that change no byte, such as ``kernels``.

    Returns:
        The bytes (or lists of bytes) under the keys of ``OUTPUTS``, or what ``RESULTS`` names.

    Raises:
        ParameterError, EncodingError, DecodeError, ReportRejected: The step fails.
    """
    name = step["operation"]
    if name in _PRIMITIVES:
        return _PRIMITIVES[name](step, inputs)
    if parameters is None:
        raise ParameterError(f"the step {name} needs parameters")
    return _STEPS[name](instance(parameters, options), step, inputs)


def _derived(pine: Pine, step: Json, inputs: Mapping[str, Any]) -> Json:
    del step, inputs
    return {
        "derived": {
            "field": pine.field.name,
            "wr_check_bound": str(pine.wr_check_bound),
            "num_bits_for_sq_norm": pine.num_bits_for_sq_norm,
            "num_bits_for_wr_check": pine.num_bits_for_wr_check,
            "measurement_len": pine.measurement_len,
            "proof_len": pine.proof_len,
            "proof_len_norm_equality": pine.proof_len_norm_equality,
            "rand_size": pine.RAND_SIZE,
            "verify_key_size": pine.VERIFY_KEY_SIZE,
            "public_share_size": pine.public_share_size,
            "leader_share_size": pine.input_share_size(0),
            "helper_share_size": pine.input_share_size(1),
            "verifier_share_size": pine.verifier_share_size,
            "verifier_message_size": pine.verifier_message_size,
            "out_share_size": pine.output_share_size,
        }
    }


def _shard(pine: Pine, step: Json, inputs: Mapping[str, Any]) -> Json:
    vector = measurement(step)
    if step["operation"] == "shard_integers":
        given = pine.shard_integers(np.array(vector, dtype=object), **inputs)
    else:
        given = pine.shard(np.array(vector, dtype=np.float64), **inputs)
    public_share, input_shares = given
    return {
        "public_share": public_share.encode(),
        "input_shares": [share.encode() for share in input_shares],
    }


def _verify_init(pine: Pine, step: Json, inputs: Mapping[str, Any]) -> Json:
    agg_id = step["aggregator_id"]
    state, share = pine.verify_init(
        inputs["verify_key"],
        agg_id,
        inputs["nonce"],
        pine.decode_public_share(inputs["public_share"]),
        pine.decode_input_share(agg_id, inputs["input_share"]),
    )
    return {"verifier_state": state.encode(), "verifier_share": share.encode()}


def _to_message(pine: Pine, step: Json, inputs: Mapping[str, Any]) -> Json:
    del step
    shares = [pine.decode_verifier_share(data) for data in inputs["verifier_shares"]]
    return {"verifier_message": pine.verifier_shares_to_message(shares).encode()}


def _check_joint_randomness(pine: Pine, step: Json, inputs: Mapping[str, Any]) -> Json:
    del step
    pine.check_joint_randomness(
        pine.decode_public_share(inputs["public_share"]),
        [pine.decode_verifier_share(data) for data in inputs["verifier_shares"]],
        pine.decode_verifier_message(inputs["verifier_message"]),
    )
    return {}


def _verify_next(pine: Pine, step: Json, inputs: Mapping[str, Any]) -> Json:
    del step
    state = pine.decode_verifier_state(inputs["verifier_state"])
    message = pine.decode_verifier_message(inputs["verifier_message"])
    return {"out_share": pine.verify_next(state, message).encode()}


def _aggregate(pine: Pine, step: Json, inputs: Mapping[str, Any]) -> Json:
    del step
    total = pine.agg_init()
    for data in inputs["out_shares"]:
        total = pine.agg_update(total, pine.decode_output_share(data))
    return {"agg_share": total.encode()}


def _unshard(pine: Pine, step: Json, inputs: Mapping[str, Any]) -> Json:
    shares = [pine.decode_aggregate_share(data) for data in inputs["agg_shares"]]
    count = step["num_measurements"]
    if step["operation"] == "unshard_integers":
        listed = [str(int(value)) for value in pine.unshard_integers(shares, count)]
    else:
        listed = [repr(float(value)) for value in pine.unshard(shares, count)]
    return {"agg_result": listed}


def _decode(pine: Pine, step: Json, inputs: Mapping[str, Any]) -> Json:
    data = inputs["data"]
    decoders: dict[str, Callable[[bytes], object]] = {
        "public_share": pine.decode_public_share,
        "verifier_share": pine.decode_verifier_share,
        "verifier_message": pine.decode_verifier_message,
        "verifier_state": pine.decode_verifier_state,
        "out_share": pine.decode_output_share,
        "agg_share": pine.decode_aggregate_share,
    }
    if step["message"] == "input_share":
        pine.decode_input_share(step["aggregator_id"], data)
    else:
        decoders[step["message"]](data)
    return {}


def _xof(step: Json, inputs: Mapping[str, Any]) -> Json:
    stream = XOFS[step["xof"]](inputs["seed"], inputs["dst"], inputs["binder"])
    return {"output": stream.next(step["length"])}


def _xof_vec(step: Json, inputs: Mapping[str, Any]) -> Json:
    stream = XOFS[step["xof"]](inputs["seed"], inputs["dst"], inputs["binder"])
    field = FIELDS[step["field"]]
    return {"output": field.encode_vec(stream.next_vec(field, step["length"]))}


def _field_decode(step: Json, inputs: Mapping[str, Any]) -> Json:
    return {"elements": [str(int(e)) for e in FIELDS[step["field"]].decode_vec(inputs["data"])]}


def _field_encode(step: Json, inputs: Mapping[str, Any]) -> Json:
    del inputs
    return {"data": FIELDS[step["field"]].encode_vec([int(text) for text in step["elements"]])}


_STEPS: dict[str, Callable[[Pine, Json, Mapping[str, Any]], Json]] = {
    "parameters": _derived,
    "shard": _shard,
    "shard_integers": _shard,
    "verify_init": _verify_init,
    "verifier_shares_to_message": _to_message,
    "check_joint_randomness": _check_joint_randomness,
    "verify_next": _verify_next,
    "aggregate": _aggregate,
    "unshard": _unshard,
    "unshard_integers": _unshard,
    "decode": _decode,
}
_PRIMITIVES: dict[str, Callable[[Json, Mapping[str, Any]], Json]] = {
    "xof": _xof,
    "xof_vec": _xof_vec,
    "field_decode": _field_decode,
    "field_encode": _field_encode,
}


def digest(data: bytes) -> str:
    """SHA-256 as hex: what a vector keeps of bytes that are too many to keep."""
    return hashlib.sha256(data).hexdigest()
