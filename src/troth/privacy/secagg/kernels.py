"""The operations that touch every entry of a vector, in one clear and one fast version.

Everything else in this room works on few elements, whatever the dimension. The clear version below
is NumPy and Python integers, and calls the modules where the operations are explained. The fast
one, compiled, is :mod:`troth.privacy.hazmat.fast`; it gives the same bytes.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy.typing as npt

from troth.privacy.secagg.circuits import NormEquality, Statement
from troth.privacy.secagg.encoding import (
    checked_integers,
    encode_prefix,
    quantise,
)
from troth.privacy.secagg.field import Elements, Field
from troth.privacy.secagg.flp import Flp
from troth.privacy.secagg.parameters import Parameters
from troth.privacy.secagg.wraparound import run_checks
from troth.privacy.secagg.xof import Xof


class Kernels(ABC):
    """What both versions can do; see the functions that :class:`ClearKernels` calls."""

    name: ClassVar[str]

    @abstractmethod
    def prefix_of_floats(self, parameters: Parameters, measurement: npt.ArrayLike) -> Elements:
        """A vector of floats, quantised and encoded as far as the wraparound checks depend on it.

        Raises:
            EncodingError: An entry is no usable float, or the norm is above the bound.
            ParameterError: Another length than ``dimension``.
        """

    @abstractmethod
    def prefix_of_integers(self, parameters: Parameters, vector: npt.ArrayLike) -> Elements:
        """The same for a vector that is quantised already."""

    @abstractmethod
    def sample(self, xof: Xof, field: Field, out: Elements) -> None:
        """Fill an array with the next elements of a stream, as :meth:`.Xof.next_vec` gives them."""

    @abstractmethod
    def add(self, field: Field, left: Elements, right: Elements) -> Elements:
        """Sum, elementwise, of two vectors."""

    @abstractmethod
    def subtract(self, field: Field, left: Elements, right: Elements) -> None:
        """Take one vector off another *in place*: for arrays that nobody else has seen."""

    @abstractmethod
    def run_checks(self, parameters: Parameters, xof: Xof, gradient: Elements) -> Elements:
        """The results of the wraparound checks on a gradient or a share of it."""

    @abstractmethod
    def norm_equality(self, parameters: Parameters) -> Flp[Statement]:
        """The proofs of the circuit that reads the whole gradient."""


class ClearKernels(Kernels):
    """The version to read, and the one that the other must equal."""

    name = "clear"

    def prefix_of_floats(self, parameters: Parameters, measurement: npt.ArrayLike) -> Elements:
        """See :func:`.encoding.quantise` and :func:`.encoding.encode_prefix`."""
        return encode_prefix(parameters, quantise(parameters, measurement))

    def prefix_of_integers(self, parameters: Parameters, vector: npt.ArrayLike) -> Elements:
        """See :func:`.encoding.checked_integers` and :func:`.encoding.encode_prefix`."""
        return encode_prefix(parameters, checked_integers(parameters, vector))

    def sample(self, xof: Xof, field: Field, out: Elements) -> None:
        """See :meth:`.Xof.next_vec`."""
        out[:] = xof.next_vec(field, len(out))

    def add(self, field: Field, left: Elements, right: Elements) -> Elements:
        """See :meth:`.Field.add`."""
        return field.add(left, right)

    def subtract(self, field: Field, left: Elements, right: Elements) -> None:
        """See :meth:`.Field.sub`."""
        left[:] = field.sub(left, right)

    def run_checks(self, parameters: Parameters, xof: Xof, gradient: Elements) -> Elements:
        """See :func:`.wraparound.run_checks`."""
        return run_checks(parameters, xof, gradient)

    def norm_equality(self, parameters: Parameters) -> Flp[Statement]:
        """See :class:`.flp.Flp`."""
        return Flp(NormEquality(parameters), parameters.proofs_norm_equality)


CLEAR = ClearKernels()
