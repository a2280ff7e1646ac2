"""The floor: every client sends its update as it is, four bytes per entry, and a server adds up.

    python -m benchmarks.secagg.plain_float32

Needs NumPy and cryptography (for the unit of time), so it runs in the project's own environment.
"""

import numpy as np
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


def cell(key: str, dimension: int) -> Cell:
    """Copy out, copy in and add."""
    del key  # there is only one way
    vector = update(dimension)
    client, message = fastest(vector.tobytes)
    total = np.zeros(dimension, dtype=np.float32)

    def receive() -> None:
        np.add(total, np.frombuffer(message, dtype=np.float32), out=total)

    server, _ = fastest(receive)
    total[:] = 0
    for _ in range(CLIENTS):
        receive()
    finish, mean = fastest(lambda: total / CLIENTS)
    return Cell(client, {"server": server}, finish, len(message), mean_error(mean, vector))


RIVAL = Rival(
    name="plain float32",
    packages=("numpy",),
    finished_by="the server",
    configurations={
        "plain": Configuration(
            label="plain float32",
            parameters="little-endian float32, one array",
            source="nothing to choose",
            hides="nothing: the server sees every update",
            trust="the server, with everything",
            dropouts="any number: who is missing is not in the sum",
            proves="nothing; but the server sees a norm and can refuse it",
            mask_entropy="no masks",
        )
    },
    cell=cell,
)

if __name__ == "__main__":
    main(RIVAL)
