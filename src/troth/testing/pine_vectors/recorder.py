"""Makes a vector by carrying out its steps: each says beforehand whether, and how, it must fail."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from troth.testing.pine_vectors.instance import Json, instance
from troth.testing.pine_vectors.operations import (
    FAILURES,
    INPUTS,
    OUTPUTS,
    RESULTS,
    check_of,
    digest,
    perform,
)
from troth.testing.pine_vectors.player import Mismatch, edited, expectation, named_outputs, result


def deterministic_bytes(label: str, size: int) -> bytes:
    """Bytes that look random and are the same in every run."""
    return hashlib.shake_256(label.encode()).digest(size)


class Recorder:
    """One vector in the making.

    Args:
        name: The vector's id.
        parameters: Its parameters; None for steps that need no instance.
        comment: What is particular about it, in one sentence.
        shared: Values of the file that it may name.
        longest: Bytes beyond which an output is stored as its digest.
        keep_states: Whether verifier states are stored in full, too, and not as digests.
    """

    def __init__(
        self,
        name: str,
        parameters: Json | None,
        comment: str,
        *,
        shared: Mapping[str, bytes] | None = None,
        longest: int = 4096,
        keep_states: bool = False,
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.comment = comment
        self.longest = longest
        self.keep_states = keep_states
        self.known: dict[str, bytes] = dict(shared or {})
        self.values: Json = {}
        self.steps: list[Json] = []

    def given(self, name: str, data: bytes) -> str:
        """Add a value that goes in; returns its name."""
        self.known[name] = data
        self.values[name] = data.hex()
        return name

    def edit(self, name: str, of: str, **edit: Any) -> str:
        """Add a value that is another one after an edit (``set``, ``cut``, ``append``)."""
        changed = edited(self.known[of], edit)
        if changed == self.known[of] and edit:
            raise ValueError(f"{self.name}: the edit {name} changes nothing")
        self.known[name] = changed
        self.values[name] = {"of": of, **edit}
        return name

    def step(self, operation: str, *, check: str | None = None, **keys: Any) -> None:
        """Carry out a step, which must succeed, or fail by ``check`` if one is given."""
        step: Json = {"operation": operation, **keys}
        inputs = {key: self._resolve(step[key]) for key in INPUTS[operation]}
        where = f"step {len(self.steps)}, {operation}"
        outputs: Json = {}
        failure = None
        try:
            outputs = perform(self.parameters, step, inputs)
        except FAILURES as error:
            failure = check_of(error)
            if failure != check:
                raise Mismatch(self.name, where, f"fails by {failure}: {error}") from error
        if check is not None and failure is None:
            raise Mismatch(self.name, where, f"succeeds, must fail by {check}")
        if failure is None:
            for name, data in named_outputs(step, outputs):
                self._came_out(name, data, digest_only=name.startswith("verifier_state"))
        else:
            for key in OUTPUTS.get(operation, ()):
                step.pop(key, None)
        if operation in RESULTS and failure is None:
            key = RESULTS[operation]
            step[key] = result(operation, keys.get(key), outputs[key])
        step["success"] = failure is None
        if failure is not None:
            step["check"] = failure
        self.steps.append(step)

    def finish(self) -> Json:
        """The vector."""
        vector: Json = {"id": self.name, "comment": self.comment}
        if self.parameters is not None:
            vector["parameters"] = self.parameters
        vector["values"] = self.values
        vector["operations"] = self.steps
        vector["expect"] = expectation(self.steps)
        return vector

    # Whole reports

    def shard(
        self,
        measurement: Sequence[str] | Json,
        *,
        label: str = "",
        operation: str = "shard",
        check: str | None = None,
        rand: bytes | None = None,
    ) -> None:
        """Draw nonce and rand, and shard; values are called ``nonce``, ``rand``, …, plus label."""
        pine = instance(self.parameters or {})
        seed = f"{self.name}{label}"
        self.given(f"nonce{label}", deterministic_bytes(f"{seed} nonce", pine.NONCE_SIZE))
        drawn = deterministic_bytes(f"{seed} rand", pine.RAND_SIZE) if rand is None else rand
        self.given(f"rand{label}", drawn)
        self.step(
            operation,
            check=check,
            measurement=measurement,
            nonce=f"nonce{label}",
            rand=f"rand{label}",
            public_share=f"public_share{label}",
            input_shares=[f"input_share_{j}{label}" for j in range(pine.shares)],
        )

    def verify_key(self) -> str:
        """Draw a verify key; returns its name."""
        size = instance(self.parameters or {}).VERIFY_KEY_SIZE
        return self.given("verify_key", deterministic_bytes(f"{self.name} verify_key", size))

    def verify(
        self,
        *,
        label: str = "",
        prefix: str = "",
        instead: Mapping[str, str] | None = None,
        message_check: str | None = None,
        refused_by: Sequence[int] = (),
    ) -> None:
        """Let all aggregators verify a report.

        Args:
            label: The report's label.
            prefix: Where the report's values are those of a base: its prefix.
            instead: Other values to take, by the name of the one they replace; aggregator j's own
                replacement goes by that name, a colon and j.
            message_check: The check by which the proofs are refused.
            refused_by: The aggregators that refuse the message by ``joint_randomness``.
        """
        shares = instance(self.parameters or {}).shares
        other = instead or {}

        def take(name: str, agg_id: int | None = None) -> str:
            plain = f"{prefix}{name}" if name == "verify_key" else f"{prefix}{name}{label}"
            return other.get(f"{name}:{agg_id}", other.get(name, plain))

        for j in range(shares):
            self.step(
                "verify_init",
                aggregator_id=j,
                verify_key=take("verify_key", j),
                nonce=take("nonce", j),
                public_share=take("public_share", j),
                input_share=take(f"input_share_{j}", j),
                verifier_state=f"verifier_state_{j}{label}",
                verifier_share=f"verifier_share_{j}{label}",
            )
        self.decide(label=label, instead=other, message_check=message_check, refused_by=refused_by)

    def decide(
        self,
        *,
        label: str = "",
        prefix: str = "",
        instead: Mapping[str, str] | None = None,
        message_check: str | None = None,
        refused_by: Sequence[int] = (),
    ) -> None:
        """The second half of :meth:`verify`, of whose arguments only ``prefix`` differs.

        Here it tells where verifier states and shares are those of a base.
        """
        shares = instance(self.parameters or {}).shares
        other = instead or {}
        names = [f"{prefix}verifier_share_{j}{label}" for j in range(shares)]
        if "verifier_message" not in other:
            self.step(
                "verifier_shares_to_message",
                check=message_check,
                verifier_shares=[other.get(name.removeprefix(prefix), name) for name in names],
                verifier_message=f"verifier_message{label}",
            )
        if message_check is None:
            for j in range(shares):
                self.step(
                    "verify_next",
                    check="joint_randomness" if j in refused_by else None,
                    aggregator_id=j,
                    verifier_state=other.get(
                        f"verifier_state_{j}", f"{prefix}verifier_state_{j}{label}"
                    ),
                    verifier_message=other.get("verifier_message", f"verifier_message{label}"),
                    out_share=f"out_share_{j}{label}",
                )

    def sum_up(self, labels: Sequence[str] = ("",), *, integers: bool = False) -> None:
        """Aggregate the reports of the given labels and put the sum together."""
        shares = range(instance(self.parameters or {}).shares)
        for j in shares:
            outs = [f"out_share_{j}{label}" for label in labels]
            if len(outs) == 1 and len(self.known[outs[0]]) <= self.longest:
                self.edit(f"agg_share_{j}", outs[0])
            self.step("aggregate", aggregator_id=j, out_shares=outs, agg_share=f"agg_share_{j}")
        large = instance(self.parameters or {}).dimension > 64
        self.step(
            "unshard_integers" if integers else "unshard",
            agg_shares=[f"agg_share_{j}" for j in shares],
            num_measurements=len(labels),
            agg_result={"sha256": ""} if large else [],
        )

    def _resolve(self, value: str | list[str]) -> bytes | list[bytes]:
        if isinstance(value, list):
            return [self.known[name] for name in value]
        return self.known[value]

    def _came_out(self, name: str, data: bytes, *, digest_only: bool) -> None:
        if name in self.known:
            if self.known[name] != data:
                raise Mismatch(self.name, name, "comes out otherwise")
            return
        self.known[name] = data
        if len(data) > self.longest or (digest_only and not self.keep_states):
            self.values[name] = {"sha256": digest(data), "length": len(data)}
        else:
            self.values[name] = data.hex()
