"""CKKS by TenSEAL: the way NVFlare encrypts updates, and a smaller ciphertext for sums alone.

    benchmarks/.env/tenseal/bin/python -m benchmarks.secagg.tenseal_ckks

What is called, and in which order, follows NVFlare: ``HEBuilder`` makes the context
(``nvflare/lighter/impl/he.py`` at 00cc386: CKKS, 8192, [60, 40, 40], scale 2^40, symmetric, one
context with the secret key for all clients), ``HEModelEncryptor`` encrypts and serialises
(``nvflare/app_opt/he/model_encryptor.py`` at 024dab7), ``HEInTimeAccumulateWeightedAggregator``
deserialises and adds (``intime_accumulate_model_aggregator.py``, beside it). TenSEAL uses as many
threads as there are processors.
"""

from dataclasses import dataclass

import tenseal as ts
from benchmarks.secagg.measure import (
    CLIENTS,
    Cell,
    Configuration,
    Rival,
    fastest,
    main,
    mean_error,
    update,
)


@dataclass(frozen=True)
class Scheme:
    """Parameters of CKKS."""

    poly_modulus_degree: int
    coeff_mod_bit_sizes: tuple[int, ...]
    scale_bits: int


SCHEMES = {
    "nvflare": Scheme(8192, (60, 40, 40), 40),
    # One prime of 40 bits carries the sum. A scale of 2^30 leaves sums below 2^9 = 512, certainly
    # so for eight updates with entries below 64.
    "small": Scheme(4096, (40, 40), 30),
}


def cell(key: str, dimension: int) -> Cell:
    """Encrypt and serialise; deserialise and add; decrypt."""
    scheme = SCHEMES[key]
    context = ts.context(
        ts.SCHEME_TYPE.CKKS,
        poly_modulus_degree=scheme.poly_modulus_degree,
        coeff_mod_bit_sizes=list(scheme.coeff_mod_bit_sizes),
        encryption_type=ts.ENCRYPTION_TYPE.SYMMETRIC,
    )
    context.global_scale = 2**scheme.scale_bits
    keyless = ts.context_from(context.serialize(save_secret_key=False))
    vector = update(dimension)
    client, message = fastest(lambda: ts.ckks_vector(context, vector).serialize())
    total = ts.ckks_vector_from(keyless, message)
    # No run changes the total: adding makes a new ciphertext, as in NVFlare.
    server, _ = fastest(lambda: total + ts.ckks_vector_from(keyless, message))
    for _ in range(CLIENTS.bit_length() - 1):
        total = total + total  # all clients sent the same, and eight is a power of two
    total.link_context(context)
    finish, decrypted = fastest(total.decrypt)
    mean = [entry / CLIENTS for entry in decrypted]
    return Cell(client, {"server": server}, finish, len(message), mean_error(mean, vector))


HIDES = "each update from the server"
TRUST = "no client gives a server or another client its key: all clients have the same secret key"
DROPOUTS = "any number: who is missing is not in the sum"
PROVES = "nothing: a client can encrypt a vector of any norm, or a ciphertext of nothing at all"
ENTROPY = "no masks but encryption: at least 128 bits of security, or SEAL refuses the parameters"

RIVAL = Rival(
    name="TenSEAL CKKS",
    packages=("tenseal", "numpy"),
    finished_by="every client, who decrypts",
    configurations={
        "nvflare": Configuration(
            label="CKKS, NVFlare's defaults",
            parameters="degree 8192, moduli of [60, 40, 40] bits, scale 2^40, symmetric",
            source="NVFlare, nvflare/lighter/impl/he.py at 00cc386",
            hides=HIDES,
            trust=TRUST,
            dropouts=DROPOUTS,
            proves=PROVES,
            mask_entropy=ENTROPY,
        ),
        "small": Configuration(
            label="CKKS, 4096 and [40, 40]",
            parameters="degree 4096, moduli of [40, 40] bits, scale 2^30, symmetric: enough for "
            "sums below 512",
            source="ours: about the least that adds up (scale 2^40 is out of its bounds)",
            hides=HIDES,
            trust=TRUST,
            dropouts=DROPOUTS,
            proves=PROVES,
            mask_entropy=ENTROPY,
        ),
    },
    cell=cell,
)

if __name__ == "__main__":
    main(RIVAL)
