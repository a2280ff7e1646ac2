"""The fast kernels give the bytes of the clear ones, and take no more than they say."""

import os
import platform
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.errors import EncodingError, ParameterError
from troth.privacy.hazmat import fast
from troth.privacy.hazmat.fast import FAST
from troth.privacy.secagg.circuits import Statement
from troth.privacy.secagg.field import FIELD32, FIELD40, FIELD64, Elements, Field
from troth.privacy.secagg.kernels import CLEAR
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.selection import FAST_FROM
from troth.privacy.secagg.xof import Xof, XofHmacSha256Aes128

VARIANTS: dict[Field, str] = {
    FIELD32: "Pine32HmacSha256Aes128",
    FIELD40: "Pine40HmacSha256Aes128",
    FIELD64: "Pine64HmacSha256Aes128",
}
each_field = pytest.mark.parametrize("field", VARIANTS, ids=repr)
BOUND = 1000


def instance(field: Field, **changed) -> Pine:
    parameters = {
        "shares": 2,
        "dimension": 31,
        "num_frac_bits": 5,
        "l2_norm_bound": BOUND,
        "num_wr_checks": 20,
        "num_wr_successes": 20,
        "proofs": 2,
        "proofs_norm_equality": 2,
    }
    return Pine(VARIANTS[field], **{**parameters, **changed})


def elements(field: Field, size: int, rng: np.random.Generator) -> Elements:
    """Uniform elements, with the edges of field and word among them."""
    q = field.modulus
    values = [int.from_bytes(rng.bytes(16), "big") % q for _ in range(size)]
    edges = [0, 1, q - 1, q - 2, q // 2, (2**32 - 1) % q, 2**32 % q]
    for place, edge in zip(rng.permutation(size), edges, strict=False):
        values[place] = edge
    return field.vector(values)


class Recorded(Xof):
    """A stream of known bytes, with its place in them."""

    SEED_SIZE = 0

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0
        super().__init__(b"", b"", b"")

    def _start(self, seed, prefixed_dst):
        pass

    def _absorb(self, piece):
        pass

    def _turn(self):
        pass

    def _fill(self, out):
        out[:] = self.data[self.place : self.place + len(out)]
        self.place += len(out)


@each_field
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_whole_report_has_the_same_bytes(field, data):
    dimension = data.draw(st.integers(1, 200))
    shares = data.draw(st.integers(2, 4))
    chosen = {
        "shares": shares,
        "dimension": dimension,
        "num_wr_checks": (checks := data.draw(st.integers(1, 40))),
        "num_wr_successes": data.draw(st.integers(1, checks)),
        "chunk_length": data.draw(st.none() | st.integers(1, 90)),
        "chunk_length_norm_equality": data.draw(st.none() | st.integers(1, 90)),
        "proofs_norm_equality": data.draw(st.integers(1, 4)),
    }
    clear, quick = (instance(field, **chosen, kernels=name) for name in ("clear", "fast"))
    assert (clear.kernels_used, quick.kernels_used) == ("clear", "fast")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    vector = rng.integers(-BOUND // 15, BOUND // 15, dimension, endpoint=True)
    if data.draw(st.booleans()):
        vector[:] = 0
        vector[rng.integers(dimension)] = rng.choice([-BOUND, BOUND])
    nonce, key = rng.bytes(16), rng.bytes(32)
    rand = rng.bytes(clear.RAND_SIZE)
    report = clear.shard_integers(vector, nonce, rand)
    assert quick.shard_integers(vector, nonce, rand) == report
    assert quick.shard(vector / 32, nonce, rand) == report
    public_share, input_shares = report
    for agg_id, share in enumerate(input_shares):
        received = quick.decode_input_share(agg_id, share.encode())
        step = clear.verify_init(key, agg_id, nonce, public_share, share)
        assert quick.verify_init(key, agg_id, nonce, public_share, received) == step


@each_field
def test_streams_are_read_to_the_same_byte(field):
    rng = np.random.default_rng(1)
    q, size = field.modulus, field.encoded_size
    values = [q - 1, q, 256**size - 1, 0, *(int(x) for x in elements(field, 50_000, rng)), q, 5, 6]
    data = b"".join(value.to_bytes(size, "little") for value in values)
    for length in (1, 2, 3, 1000, 40_000, 50_002):
        outs = []
        for kernels in (CLEAR, FAST):
            stream, out = Recorded(data), field.zeros(length)
            kernels.sample(stream, field, out)
            outs.append((out.tolist(), stream.place))
        assert outs[0] == outs[1]


@each_field
def test_sums_and_differences_are_the_same(field):
    rng = np.random.default_rng(2)
    left, right = elements(field, 999, rng), elements(field, 999, rng)
    right[:3] = left[:3]
    before = left.copy(), right.copy()
    assert np.array_equal(FAST.add(field, left, right), CLEAR.add(field, left, right))
    assert np.array_equal(left, before[0])
    for kernels in (CLEAR, FAST):
        rest = left.copy()
        kernels.subtract(field, rest, right)
        assert np.array_equal(rest, field.sub(left, right))
    assert np.array_equal(right, before[1])


@each_field
@pytest.mark.parametrize("dimension", [1, 3, 4, 31, 32, 33, 257])
@pytest.mark.parametrize("sign_bytes", [1, 200, 1 << 20])
def test_wraparound_results_are_the_same(monkeypatch, field, dimension, sign_bytes):
    monkeypatch.setattr(fast, "_SIGN_BYTES", sign_bytes)
    pine = instance(field, dimension=dimension, num_wr_checks=70, num_wr_successes=70)
    gradient = elements(field, dimension, np.random.default_rng(dimension))
    streams = [XofHmacSha256Aes128(bytes(32), b"t", b"") for _ in range(2)]
    results = [
        kernels.run_checks(pine.parameters, stream, gradient)
        for kernels, stream in zip((CLEAR, FAST), streams, strict=True)
    ]
    assert results[0].tolist() == results[1].tolist()
    assert streams[0].next(8) == streams[1].next(8)


@each_field
def test_largest_signed_sums_are_exact(field):
    pine = instance(field, dimension=70_001, num_wr_checks=2, num_wr_successes=2)
    gradient = np.full(70_001, field.modulus - 1, dtype=field.dtype)
    row = -(-70_001 // 4)
    for signs, expected in ((b"\xff", -70_001), (b"\x00", 70_001)):
        results = FAST.run_checks(pine.parameters, Recorded(signs * 2 * row), gradient)
        assert results.tolist() == [expected % field.modulus] * 2


@each_field
@pytest.mark.parametrize("dimension", [1, 2, 30, 31, 130, 1000])
@pytest.mark.parametrize("chunk", [1, 7, 63, 64, 65, 200])
@pytest.mark.parametrize("proofs", [1, 3])
def test_norm_proofs_and_queries_are_the_same(field, dimension, chunk, proofs):
    pine = instance(
        field,
        dimension=dimension,
        chunk_length_norm_equality=chunk,
        proofs_norm_equality=proofs,
    )
    rng = np.random.default_rng(dimension * chunk)
    parameters = pine.parameters
    statement = Statement(
        elements(field, dimension, rng),
        elements(field, parameters.bit_count, rng),
        elements(field, parameters.num_wr_checks, rng),
    )
    clear, quick = (kernels.norm_equality(parameters) for kernels in (CLEAR, FAST))
    seeds = elements(field, proofs * clear.prove_rand_len, rng).reshape(proofs, -1)
    joint = field.zeros((proofs, 0))
    proof = clear.prove(statement, seeds, joint)
    assert np.array_equal(quick.prove(statement, seeds, joint), proof)
    query = field.vector([5, 7, 11][:proofs])
    verifier = clear.query(statement, proof, query, joint, 3)
    assert np.array_equal(quick.query(statement, proof, query, joint, 3), verifier)


def floats(draw: st.DrawFn) -> list[float]:
    return draw(
        st.lists(
            st.one_of(
                st.floats(-40, 40),
                st.floats(),
                st.sampled_from([0.0, -0.0, 0.5 / 32, 1.5 / 32, -2.5 / 32, 5e-324, 2e-308, 1e308]),
            ),
            min_size=31,
            max_size=31,
        )
    )


@each_field
@settings(max_examples=80, deadline=None)
@given(measurement=st.composite(floats)())
def test_quantising_gives_the_same_elements_or_refusal(field, measurement):
    parameters = instance(field).parameters
    outcomes = []
    for kernels in (CLEAR, FAST):
        try:
            outcomes.append(kernels.prefix_of_floats(parameters, measurement).tolist())
        except EncodingError as refusal:
            outcomes.append(str(refusal))
    assert outcomes[0] == outcomes[1]


@each_field
@pytest.mark.parametrize(
    "entry", [BOUND, -BOUND, BOUND + 1, -BOUND - 1, 2**31, 2**32 + 5, -(2**63), 2**63 - 1, 2**64]
)
def test_norms_are_taken_over_the_integers(field, entry):
    parameters = instance(field, dimension=3).parameters
    dtype = np.int64 if -(2**63) <= entry < 2**63 else object
    vector = np.array([0, entry, 0], dtype=dtype)
    if abs(entry) > BOUND:
        for kernels in (CLEAR, FAST):
            with pytest.raises(EncodingError, match=f"norm {entry**2} is above"):
                kernels.prefix_of_integers(parameters, vector)
    else:
        same = [kernels.prefix_of_integers(parameters, vector) for kernels in (CLEAR, FAST)]
        assert same[0].tolist() == same[1].tolist()


@each_field
def test_refusals_are_the_same(field):
    parameters = instance(field, dimension=3).parameters
    for kernels in (CLEAR, FAST):
        for wrong, error in (
            ([1.0, 2.0], ParameterError),
            ([[1.0, 2.0, 3.0]], ParameterError),
            (["1", "2", "3"], EncodingError),
            ([1j, 2, 3], EncodingError),
        ):
            with pytest.raises(error):
                kernels.prefix_of_floats(parameters, wrong)
        with pytest.raises(EncodingError, match="integers"):
            kernels.prefix_of_integers(parameters, [1.0, 2.0, 3.0])


def test_the_argument_chooses():
    assert instance(FIELD32).kernels_used == "clear"
    assert instance(FIELD32, dimension=FAST_FROM).kernels_used == "fast"
    assert instance(FIELD32, dimension=FAST_FROM, kernels="clear").kernels_used == "clear"
    with pytest.raises(ParameterError, match="'quick'"):
        instance(FIELD32, kernels="quick")
    wide = Pine("Pine128", shares=2, dimension=5, num_frac_bits=0, l2_norm_bound=9, kernels="fast")
    assert wide.kernels_used == "clear", "Field128 has no kernels"


def test_small_dimensions_never_load_the_compiler():
    program = (
        "import sys; from troth.privacy.secagg.pine import Pine; "
        "pine = Pine('Pine64', shares=2, dimension=31, num_frac_bits=4, l2_norm_bound=64); "
        "pine.shard([0.5] * 31, bytes(16), bytes(pine.RAND_SIZE)); "
        "sys.exit('numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_report_reads_hashes_and_expands_what_it_must_and_no_more(measure):
    """Per entry of e bytes: the client expands e, hashes it twice for each share, draws signs."""
    dimension, checks = 1 << 16, 20
    pine = instance(FIELD32, dimension=dimension, kernels="fast")
    rng = np.random.default_rng(5)
    vector, nonce = rng.integers(-1, 2, dimension), rng.bytes(16)
    few = 40_000  # bytes that do not grow with the dimension, or with its square root

    share = 4 * dimension
    signs = checks * dimension // 4
    report, absorbed, given_out = measure(
        lambda: pine.shard_integers(vector, nonce, rng.bytes(pine.RAND_SIZE))
    )
    assert 4 * share <= absorbed <= 4 * share + few
    assert share + signs <= given_out <= share + signs + few
    public_share, input_shares = report
    for agg_id, expanded in ((0, 0), (1, share)):
        _, absorbed, given_out = measure(
            lambda agg_id=agg_id: pine.verify_init(
                bytes(32), agg_id, nonce, public_share, input_shares[agg_id]
            )
        )
        assert 2 * share <= absorbed <= 2 * share + few
        assert expanded + signs <= given_out <= expanded + signs + few


@each_field
def test_memory_stays_within_three_vectors(field):
    """At 10^7: the peak above the caller's own array, in vectors of field elements."""
    dimension = 10**7 if field is FIELD32 else 10**6
    pine = instance(field, dimension=dimension, num_frac_bits=15, l2_norm_bound=1 << 15)
    vector = np.zeros(dimension, dtype=np.float32)
    vector[::1000] = 0.001
    size = field.dtype.itemsize * dimension
    least = 8 << 20  # bytes of signs that are in memory however short the vector

    def peak(step):
        tracemalloc.start()
        try:
            result = step()
            return result, (tracemalloc.get_traced_memory()[1] - least) / size
        finally:
            tracemalloc.stop()

    nonce = bytes(16)
    report, used = peak(lambda: pine.shard(vector, nonce, bytes(pine.RAND_SIZE)))
    assert used < 3
    public_share, input_shares = report
    encoded, used = peak(input_shares[0].encode)
    assert used < 1.2, "one copy: the message itself, in a buffer that grew"
    received, used = peak(lambda: pine.decode_input_share(0, encoded))
    assert used < (1.3 if field is FIELD40 else 0.1), "a view of what was received"
    for agg_id, share in enumerate([received, input_shares[1]]):
        step, used = peak(
            lambda agg_id=agg_id, share=share: pine.verify_init(
                bytes(32), agg_id, nonce, public_share, share
            )
        )
        assert used < 3
        agg_share, used = peak(
            lambda step=step: pine.agg_update(pine.agg_init(), step[0].out_share)
        )
        assert used < 3
    _, used = peak(lambda: pine.unshard([agg_share, agg_share], 1))
    assert used < 3.1, "a result of float64 takes two of Field32 itself"
    vector[0] = 2
    with pytest.raises(EncodingError, match="above the bound"):
        peak(lambda: pine.shard(vector, nonce, bytes(pine.RAND_SIZE)))


@each_field
@pytest.mark.parametrize("chunk", [1, 4, 9])
def test_short_chunks_cost_no_wide_blocks(field, chunk):
    dimension, peaks = 1 << 13, []
    for kernels in ("clear", "fast"):
        pine = instance(
            field, dimension=dimension, kernels=kernels, chunk_length_norm_equality=chunk
        )
        vector, rand = np.zeros(dimension, dtype=np.int64), bytes(pine.RAND_SIZE)
        pine.shard_integers(vector, bytes(16), rand)  # tables of roots stay
        tracemalloc.start()
        try:
            pine.shard_integers(vector, bytes(16), rand)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


PROGRAM = r"""
import re, sys
from itertools import takewhile
from numba import njit, types
from troth.privacy.hazmat import modular

def array(word, dimensions, readonly=True):
    return types.Array(word, dimensions, "C", readonly=readonly)

found = {}
for word in (types.uint32, types.uint64):
    row, table, out = array(word, 1), array(word, 2), array(word, 1, False)
    lanes = types.UniTuple(types.int64, 8)
    kernels = {
        "add": (row, row, out, word),
        "subtract": (out, row, word),
        "encode": (array(types.int64, 1), types.int64, word, out),
        "combine": (row, table, array(word, 2, False), word, word),
        "squares": (row, table, lanes, row, row, row, word, word, out, out, array(word, 2, False)),
    }
    for name, signature in kernels.items():
        kernel = njit(getattr(modular, name).py_func, nogil=True)
        kernel.compile(signature)
        lines = kernel.inspect_asm(kernel.signatures[0]).splitlines()
        for at, line in enumerate(lines):
            jump = re.match(r"\s+j(?:b|ae|nb|a|be|c|nc)\s+(\S+)", line)
            skipped = list(takewhile(lambda later: not later.startswith(jump[1] + ":"),
                                     lines[at + 1 :])) if jump else []
            # A selection that became a branch skips a few instructions and goes on.
            if 0 < len(skipped) < 4 and "j" not in {later.strip()[:1] for later in skipped}:
                found[f"{name} {word}"] = [line, *skipped]
sys.exit(f"branches around a few instructions: {found}" if found else 0)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the code of one architecture")
@pytest.mark.parametrize("processor", ["generic", "haswell", "znver3"])
def test_no_correction_by_the_modulus_is_a_branch(processor, tmp_path):
    """A comparison and a selection became a branch on some processors; what we emit does not."""
    settings_for = {**os.environ, "NUMBA_CPU_NAME": processor, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=settings_for, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_kept_code_that_is_damaged_or_cannot_be_kept_is_compiled_again(tmp_path):
    program = (
        "import numpy as np; from troth.privacy.hazmat import modular; "
        "out = np.zeros(2, dtype=np.uint32); "
        "modular.subtract(out, np.ones(2, dtype=np.uint32), np.uint32(7)); "
        "assert out.tolist() == [6, 6]"
    )
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64)); "
    settings_for = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(text):
        command = [sys.executable, "-c", text]
        subprocess.run(command, env=settings_for, check=True, stdout=subprocess.DEVNULL)

    run("import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); " + limited + program)
    run(program)
    kept = [path for path in tmp_path.rglob("*") if path.suffix in {".nbi", ".nbc"}]
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:20])
    run(program)


def test_reports_are_verified_in_several_threads():
    pine = instance(FIELD64, dimension=3000, kernels="fast")
    rng = np.random.default_rng(8)

    def verify(seed):
        nonce, rand = bytes([seed] * 16), bytes([seed] * pine.RAND_SIZE)
        public_share, inputs = pine.shard_integers(np.full(3000, seed % 7), nonce, rand)
        steps = [pine.verify_init(bytes(32), j, nonce, public_share, inputs[j]) for j in range(2)]
        message = pine.verifier_shares_to_message([share for _, share in steps])
        return [pine.verify_next(state, message).encode() for state, _ in steps]

    seeds = [int(seed) for seed in rng.integers(1, 250, 24)]
    alone = [verify(seed) for seed in seeds]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(verify, seeds)) == alone
