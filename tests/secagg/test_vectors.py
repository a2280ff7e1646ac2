import json
from typing import Any

import pytest

from troth.privacy.hazmat.choice import Choice
from troth.privacy.secagg.field import FIELD128
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.xof import XofTurboShake128

FILES = (
    [f"Pine128_{n}" for n in range(4)]
    + [f"Pine64_{n}" for n in range(4)]
    + [f"Pine{bits}HmacSha256Aes128_{n}" for bits in (32, 40, 64) for n in range(8)]
)


def instance(name: str, vector: dict[str, Any], kernels: Choice) -> Pine:
    variant = name.partition("_")[0]
    chosen = ("proofs", "proofs_norm_equality") if "Hmac" in variant else ("alpha",)
    keys = (
        *("shares", "dimension", "num_frac_bits", "l2_norm_bound", "chunk_length"),
        *("chunk_length_norm_equality", "num_wr_checks", "num_wr_successes", *chosen),
    )
    return Pine(variant, kernels=kernels, **{key: vector[key] for key in keys})


@pytest.mark.parametrize("kernels", ["clear", "fast"])
@pytest.mark.parametrize("name", FILES)
def test_every_byte_of_the_official_vectors(outside_vectors, name, kernels):
    vector = json.loads((outside_vectors / "pine" / f"{name}.json").read_text())
    pine = instance(name, vector, kernels)
    assert pine.kernels_used == ("clear" if name.startswith("Pine128") else kernels)
    assert pine.field.name == vector["field"]
    verify_key = bytes.fromhex(vector["verify_key"])
    agg_shares = [pine.agg_init() for _ in range(pine.shares)]
    for report in vector["prep"]:
        nonce, rand = bytes.fromhex(report["nonce"]), bytes.fromhex(report["rand"])
        assert len(rand) == pine.RAND_SIZE
        measurement = [float(entry) for entry in report["measurement"]]
        public_share, input_shares = pine.shard(measurement, nonce, rand)
        assert public_share.encode().hex() == report["public_share"]
        assert [share.encode().hex() for share in input_shares] == report["input_shares"]
        states, verifier_shares = zip(
            *(
                pine.verify_init(verify_key, agg_id, nonce, public_share, share)
                for agg_id, share in enumerate(input_shares)
            ),
            strict=True,
        )
        assert [share.encode().hex() for share in verifier_shares] == report["prep_shares"][0]
        message = pine.verifier_shares_to_message(verifier_shares)
        assert message.encode().hex() == report["prep_messages"][0]
        out_shares = [pine.verify_next(state, message) for state in states]
        assert [share.encode().hex() for share in out_shares] == [
            "".join(elements) for elements in report["out_shares"]
        ]
        agg_shares = [
            pine.agg_update(agg_share, out_share)
            for agg_share, out_share in zip(agg_shares, out_shares, strict=True)
        ]
    assert [share.encode().hex() for share in agg_shares] == vector["agg_shares"]
    total = pine.unshard(agg_shares, len(vector["prep"]))
    assert total.tolist() == [float(entry) for entry in vector["agg_result"]]


def test_no_official_file_is_left_out(outside_vectors):
    found = {file.stem for file in (outside_vectors / "pine").glob("*.json")}
    assert found == set(FILES)


def test_turboshake_xof_of_vdaf(outside_vectors):
    vector = json.loads((outside_vectors / "vdaf-11" / "XofTurboShake128.json").read_text())
    seed, dst, binder = (bytes.fromhex(vector[key]) for key in ("seed", "dst", "binder"))
    derived = XofTurboShake128.derive_seed(seed, dst, binder)
    assert derived.hex() == vector["derived_seed"]
    expanded = XofTurboShake128(seed, dst, binder).next_vec(FIELD128, vector["length"])
    assert FIELD128.encode_vec(expanded).hex() == vector["expanded_vec_field128"]
