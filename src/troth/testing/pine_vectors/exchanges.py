"""Honest reports and messages of aggregators that are changed, or meet another context."""

from itertools import permutations

from troth.testing.pine_vectors.bases import Base, add_base, verifier_regions
from troth.testing.pine_vectors.instance import instance
from troth.testing.pine_vectors.recorder import deterministic_bytes
from troth.testing.pine_vectors.tampering import PARTS
from troth.testing.pine_vectors.theme import VARIANTS, Theme


def verifier_shares() -> Theme:
    """Changed verifier shares."""
    theme = Theme(
        "tampered-verifier-share",
        "One element of one aggregator's verifier share is increased by 1 (norm_equality or "
        "validity, for everybody), or one of its parts is changed: the proofs then hold, and every "
        "aggregator refuses the message (joint_randomness).",
    )
    for variant in VARIANTS:
        base = add_base(theme, variant)
        for liar in (0, 1):
            name = f"verifier_share_{liar}"
            for region, position in verifier_regions(base.chosen).items():
                check = "norm_equality" if region.startswith("norm") else "validity"
                comment = f"{region} of aggregator {liar} is off by 1"
                vector = base.recorder(f"{region}-of-{liar}", comment)
                edit = base.bumped(name, position)
                bent = vector.edit("bent_share", base.named(name), **edit)
                vector.decide(prefix=base.prefix, instead={name: bent}, message_check=check)
                theme.add(vector)
            for index, kind in enumerate(PARTS):
                comment = f"the {kind} part that aggregator {liar} sends is changed"
                vector = base.recorder(f"{kind}-part-sent-by-{liar}", comment)
                offset = (index - 2) * len(base.data("verify_key"))
                edit = base.flipped(name, offset)
                bent = vector.edit("bent_share", base.named(name), **edit)
                vector.decide(prefix=base.prefix, instead={name: bent}, refused_by=(0, 1))
                theme.add(vector)
        _add_cancelling_lies(base)
    return theme


def _add_cancelling_lies(base: Base) -> None:
    """PINE trusts aggregators: lies of two that cancel out are accepted."""
    comment = "the output is off by 1 at aggregator 0 and by -1 at 1: only the sum is looked at"
    vector = base.recorder("cancelling-outputs", comment)
    field = instance(base.chosen).field
    bent = {}
    for agg_id, by in ((0, 1), (1, field.modulus - 1)):
        name = f"verifier_share_{agg_id}"
        edit = base.bumped(name, 0, by)
        bent[name] = vector.edit(f"bent_share_{agg_id}", base.named(name), **edit)
    vector.decide(prefix=base.prefix, instead=bent)
    base.theme.add(vector)


def messages() -> Theme:
    """Changed verifier messages and states, and shares in another order."""
    theme = Theme(
        "tampered-message",
        "A seed of the verifier message or of one aggregator's state is changed, or verifier "
        "shares are combined in another order than that of their aggregators (joint_randomness, "
        "for those whose seeds differ).",
    )
    for shares in (2, 3):
        for variant in VARIANTS:
            base = add_base(theme, variant, shares=shares)
            everybody = range(shares)
            size = len(base.data("verify_key"))
            edits = {
                "first-byte": base.flipped("verifier_message", 0),
                "end-of-first-seed": base.flipped("verifier_message", size - 1),
                "start-of-second-seed": base.flipped("verifier_message", size),
                "last-byte": base.flipped("verifier_message", -1),
                "seeds-swapped": {"set": [[0, _swapped(base.data("verifier_message"))]]},
                "zeros": {"set": [[0, bytes(2 * size).hex()]]},
            }
            for name, edit in edits.items():
                vector = base.recorder(f"message-{name}", f"verifier message: {name}")
                bent = vector.edit("bent_message", base.named("verifier_message"), **edit)
                instead = {"verifier_message": bent}
                vector.decide(prefix=base.prefix, instead=instead, refused_by=everybody)
                theme.add(vector)
            for owner in everybody:
                for place, offset in {"wraparound": -2 * size, "verification": -1}.items():
                    name = f"verifier_state_{owner}"
                    comment = f"the {place} seed in the state of aggregator {owner} is changed"
                    vector = base.recorder(f"state-{owner}-{place}", comment)
                    edit = base.flipped(name, offset)
                    bent = vector.edit("bent_state", base.named(name), **edit)
                    instead = {name: bent}
                    vector.decide(prefix=base.prefix, instead=instead, refused_by=(owner,))
                    theme.add(vector)
            for order in permutations(everybody):
                if order == tuple(everybody):
                    continue
                listed = "-".join(map(str, order))
                comment = "verifier shares in another order: the sum holds, the seeds are others"
                vector = base.recorder(f"order-{listed}", comment)
                instead = {
                    f"verifier_share_{place}": base.named(f"verifier_share_{agg_id}")
                    for place, agg_id in enumerate(order)
                }
                vector.decide(prefix=base.prefix, instead=instead, refused_by=everybody)
                theme.add(vector)
    return theme


def _swapped(message: bytes) -> str:
    half = len(message) // 2
    return (message[half:] + message[:half]).hex()


def contexts() -> Theme:
    """Honest messages under another nonce, key, index, report or instance."""
    theme = Theme(
        "wrong-context",
        "Honest messages that meet another nonce, verify key, aggregator index, report or "
        "instance: what is bound to what, and what is bound to nothing.",
    )
    for variant in VARIANTS:
        base = add_base(theme, variant, shares=3)
        other = add_base(theme, variant, shares=3, suffix="-other")
        _other_nonces_and_keys(base)
        _no_such_aggregator(base)
        _other_reports(base, other)
        _other_instances(base)
    return theme


def _other_nonces_and_keys(base: Base) -> None:
    everywhere = {"nonce": "validity", "verify_key": None}
    for name, check in everywhere.items():
        plain = name.replace("_", "-")
        vector = base.recorder(f"{plain}-for-all", f"all aggregators use another {plain}")
        bent = vector.edit(f"other_{name}", base.named(name), **base.flipped(name, 3))
        vector.verify(prefix=base.prefix, instead={name: bent}, message_check=check)
        base.theme.add(vector)
        for reader in range(base.chosen["shares"]):
            comment = f"aggregator {reader} uses another {plain}: another query point"
            vector = base.recorder(f"{plain}-for-{reader}", comment)
            bent = vector.edit(f"other_{name}", base.named(name), **base.flipped(name, 3))
            instead = {f"{name}:{reader}": bent}
            vector.verify(prefix=base.prefix, instead=instead, message_check="norm_equality")
            base.theme.add(vector)
        for by in (-1, 1):
            size = len(base.data(name)) + by
            vector = base.recorder(f"{plain}-of-{size}-bytes", f"a {plain} of {size} bytes")
            data = deterministic_bytes(vector.name, size)
            names = {"verify_key": base.named("verify_key"), "nonce": base.named("nonce")}
            names[name] = vector.given(f"wrong_{name}", data)
            for reader in range(base.chosen["shares"]):
                vector.step(
                    "verify_init",
                    check="parameter",
                    aggregator_id=reader,
                    **names,
                    public_share=base.named("public_share"),
                    input_share=base.named(f"input_share_{reader}"),
                )
            base.theme.add(vector)


def _no_such_aggregator(base: Base) -> None:
    agg_id = base.chosen["shares"]
    vector = base.recorder(f"aggregator-{agg_id}-of-{agg_id}", "there is no such aggregator")
    vector.step(
        "verify_init",
        check="parameter",
        aggregator_id=agg_id,
        verify_key=base.named("verify_key"),
        nonce=base.named("nonce"),
        public_share=base.named("public_share"),
        input_share=base.named("input_share_1"),
    )
    base.theme.add(vector)


def _other_reports(base: Base, other: Base) -> None:
    swapped = {
        "input_share_1": base.named("input_share_2"),
        "input_share_2": base.named("input_share_1"),
    }
    vector = base.recorder("helpers-swapped", "aggregators 1 and 2 have each other's share")
    vector.verify(prefix=base.prefix, instead=swapped, message_check="norm_equality")
    base.theme.add(vector)
    for agg_id in range(base.chosen["shares"]):
        comment = f"the input share of aggregator {agg_id} is that of another report"
        vector = base.recorder(f"input-share-{agg_id}-of-other-report", comment)
        instead = {f"input_share_{agg_id}": other.named(f"input_share_{agg_id}")}
        vector.verify(prefix=base.prefix, instead=instead, message_check="norm_equality")
        base.theme.add(vector)
        comment = f"the verifier share of aggregator {agg_id} is that of another report"
        vector = base.recorder(f"verifier-share-{agg_id}-of-other-report", comment)
        instead = {f"verifier_share_{agg_id}": other.named(f"verifier_share_{agg_id}")}
        vector.decide(prefix=base.prefix, instead=instead, message_check="norm_equality")
        base.theme.add(vector)
        comment = f"the state of aggregator {agg_id} is that of another report"
        vector = base.recorder(f"state-{agg_id}-of-other-report", comment)
        instead = {f"verifier_state_{agg_id}": other.named(f"verifier_state_{agg_id}")}
        vector.decide(prefix=base.prefix, instead=instead, refused_by=(agg_id,))
        base.theme.add(vector)
    comment = "the public share is that of another report"
    vector = base.recorder("public-share-of-other-report", comment)
    instead = {"public_share": other.named("public_share")}
    vector.verify(prefix=base.prefix, instead=instead, message_check="validity")
    base.theme.add(vector)
    comment = "the verifier message is that of another report"
    vector = base.recorder("message-of-other-report", comment)
    instead = {"verifier_message": other.named("verifier_message")}
    vector.decide(prefix=base.prefix, instead=instead, refused_by=range(base.chosen["shares"]))
    base.theme.add(vector)


def _other_instances(base: Base) -> None:
    """Aggregators that agree on another instance than the client's, of the same lengths."""
    for name, comment, changed, check in (
        ("other-bound", "another norm bound", {"l2_norm_bound": "68"}, "validity"),
        ("other-successes", "another number of successes", {"num_wr_successes": 1}, "validity"),
        ("other-frac-bits", "fractional bits are bound to nothing", {"num_frac_bits": 9}, None),
    ):
        vector = base.recorder(name, f"the aggregators expect otherwise: {comment}")
        vector.parameters = base.chosen | changed
        vector.verify(prefix=base.prefix, message_check=check)
        base.theme.add(vector)
