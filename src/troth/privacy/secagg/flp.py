"""The fully linear proof (FLP) behind PINE, over many proofs of one statement at once.

A proof shows that a circuit gives zero on a measurement, and can be checked by parties that each
hold one additive share of the measurement and of the proof. The construction is that of VDAF
(draft-irtf-cfrg-vdaf-11, ``poc/vdaf_poc/flp_bbcggi19.py``), restricted to what PINE needs: one
gadget of degree 2 per circuit, all of whose inputs are affine in the measurement.

:class:`Flp` is the clear version; its two private methods that touch every input of every gadget
are what a fast version replaces (``privacy/hazmat``).

Array shapes: n proofs, ``arity`` wires into the gadget, P points (the least power of two that is
at least 1 + ``calls``). Wire polynomials take the proof's seed at point 0, the gadget's inputs at
points 1 to ``calls``, and zero at the rest.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

import numpy as np

from troth.errors import ReportRejected
from troth.privacy.secagg.field import Elements, Field
from troth.privacy.secagg.ntt import evaluate, interpolate, root_powers

M = TypeVar("M")
"""What a circuit runs over: a measurement, or one additive share of it."""


class Circuit(ABC, Generic[M]):
    """An arithmetic circuit that gives zero exactly on valid measurements.

    Attributes:
        check: The name under which a refusal by this circuit is reported.
        field: The field of all elements.
        arity: Inputs of the gadget.
        calls: How often the gadget is called.
        joint_rand_len: Elements of joint randomness per proof.
    """

    check: str
    field: Field
    arity: int
    calls: int
    joint_rand_len: int

    @abstractmethod
    def wires(self, measurement: M, joint_rand: Elements, shares: int) -> Elements:
        """The gadget's inputs: shape (n, calls, arity), or (1, …) if equal in every proof.

        Args:
            measurement: The measurement, or one of its ``shares`` shares.
            joint_rand: Joint randomness, shape (n, joint_rand_len).
            shares: How many shares add up to the measurement; public constants are split evenly.
        """

    @abstractmethod
    def gadget(self, inputs: Elements) -> Elements:
        """The gadget along the last axis: shape (…, arity) gives (…)."""

    @abstractmethod
    def output(
        self, measurement: M, joint_rand: Elements, gadget_outputs: Elements, shares: int
    ) -> Elements:
        """The circuit's (share of its) output given the gadget's, (n, calls): shape (n,)."""


def wire_points(calls: int) -> int:
    """P: the points on which wire polynomials are interpolated."""
    return 1 << calls.bit_length()


def proof_len(arity: int, calls: int) -> int:
    """Elements per proof: a seed per wire, then the coefficients of the gadget polynomial."""
    return arity + 2 * (wire_points(calls) - 1) + 1


def split_rows(vector: Elements, shapes: Sequence[tuple[int, int]]) -> list[Elements]:
    """Cut a flat vector into matrices of the given shapes, in order, row by row."""
    ends = list(accumulate(rows * columns for rows, columns in shapes))
    return [
        vector[end - rows * columns : end].reshape(rows, columns)
        for end, (rows, columns) in zip(ends, shapes, strict=True)
    ]


class Flp(Generic[M]):
    """A fixed number of proofs for one circuit; each must hold.

    Attributes:
        proofs: n, the number of independent proofs, which multiplies soundness in bits.
        prove_rand_len: Elements of prover's randomness per proof.
        proof_len: Elements per proof.
        verifier_len: Elements per verifier: output, each wire at t, the gadget polynomial at t.
    """

    def __init__(self, circuit: Circuit[M], proofs: int) -> None:
        self.circuit = circuit
        self.proofs = proofs
        self.points = wire_points(circuit.calls)
        self.prove_rand_len = circuit.arity
        self.proof_len = proof_len(circuit.arity, circuit.calls)
        self.verifier_len = circuit.arity + 2

    def prove(self, measurement: M, prove_rand: Elements, joint_rand: Elements) -> Elements:
        """Prove that the circuit gives zero; run by the client.

        Args:
            measurement: The whole measurement.
            prove_rand: Uniform elements, shape (n, prove_rand_len).
            joint_rand: Joint randomness, shape (n, joint_rand_len).

        Returns:
            The proofs, shape (n, proof_len).
        """
        field = self.circuit.field
        # The gadget polynomial has twice the degree: the points between need values too.
        values = field.zeros((self.proofs, 2 * self.points))
        values[:, 0::2], values[:, 1::2] = self._gadget_values(measurement, prove_rand, joint_rand)
        gadget_polynomial = interpolate(field, values[:, :, None])[:, :-1, 0]
        return np.concatenate([prove_rand, gadget_polynomial], axis=1)

    def query(
        self,
        measurement: M,
        proofs: Elements,
        query_rand: Elements,
        joint_rand: Elements,
        shares: int,
    ) -> Elements:
        """Query a share of the measurement and proofs at a secret point; run by an aggregator.

        Args:
            measurement: A share of the measurement.
            proofs: Shares of the proofs, shape (n, proof_len).
            query_rand: One point t per proof, shape (n,).
            joint_rand: Joint randomness, shape (n, joint_rand_len).
            shares: The number of aggregators.

        Returns:
            Shares of the verifiers, shape (n, verifier_len).

        Raises:
            ReportRejected: ``query``: a point would reveal a wire value (t^P = 1).
        """
        field, points = self.circuit.field, self.points
        if not self.points_usable(query_rand):
            raise ReportRejected("query", f"a query point t satisfies t^{points} = 1")
        seeds, polynomial = proofs[:, : self.circuit.arity], proofs[:, self.circuit.arity :]
        powers = field.powers(query_rand, 2 * points - 1)
        # Column k of the transform of (1, t, t², …) is the k-th Lagrange polynomial at t.
        lagrange = interpolate(field, powers[:, :points, None])[:, :, 0]
        wires_at_query = self._wires_at(lagrange, measurement, seeds, joint_rand, shares)
        # Modulo x^P − 1, which vanishes at all points, the gadget polynomial folds to P terms.
        folded = polynomial[:, :points].copy()
        folded[:, : points - 1] = field.add(folded[:, : points - 1], polynomial[:, points:])
        gadget_outputs = evaluate(field, folded[:, :, None])[:, 1 : self.circuit.calls + 1, 0]
        output = self.circuit.output(measurement, joint_rand, gadget_outputs, shares)
        gadget_at_query = field.inner(polynomial, powers)
        return np.concatenate([output[:, None], wires_at_query, gadget_at_query[:, None]], axis=1)

    def decide(self, verifiers: Elements) -> None:
        """Check whole verifiers, the sums of their shares; run by anyone who has all shares.

        Args:
            verifiers: Shape (n, verifier_len).

        Raises:
            ReportRejected: Under the circuit's ``check``: the measurement or a proof is invalid.
        """
        for index, verifier in enumerate(verifiers):
            if verifier[0] != 0:
                raise ReportRejected(self.circuit.check, f"proof {index}: output is not zero")
            wires, gadget_at_query = verifier[None, 1:-1], verifier[-1]
            if self.circuit.gadget(wires)[0] != gadget_at_query:
                raise ReportRejected(self.circuit.check, f"proof {index}: gadget test fails")

    def points_usable(self, query_rand: Elements) -> bool:
        """Whether no query point is one of the interpolation points (t^P = 1)."""
        modulus = self.circuit.field.modulus
        return all(pow(int(point), self.points, modulus) != 1 for point in query_rand)

    def _gadget_values(
        self, measurement: M, seeds: Elements, joint_rand: Elements
    ) -> tuple[Elements, Elements]:
        """The gadget polynomial at all points and between them, each of shape (n, P)."""
        field = self.circuit.field
        table = self._wire_table(seeds, self.circuit.wires(measurement, joint_rand, 1))
        half_step = root_powers(field, 2 * self.points, self.points)
        shifted = field.mul(interpolate(field, table), half_step[None, :, None])
        return self.circuit.gadget(table), self.circuit.gadget(evaluate(field, shifted))

    def _wires_at(
        self,
        lagrange: Elements,
        measurement: M,
        seeds: Elements,
        joint_rand: Elements,
        shares: int,
    ) -> Elements:
        """The wire polynomials at t, shape (n, arity), from the Lagrange polynomials at t."""
        field = self.circuit.field
        table = self._wire_table(seeds, self.circuit.wires(measurement, joint_rand, shares))
        return field.sum(field.mul(table, lagrange[:, :, None]), axis=1)

    def _wire_table(self, seeds: Elements, inputs: Elements) -> Elements:
        """The wires' values at all points, shape (n, P, arity)."""
        table = self.circuit.field.zeros((len(seeds), self.points, self.circuit.arity))
        table[:, 0] = seeds
        table[:, 1 : self.circuit.calls + 1] = inputs
        return table
