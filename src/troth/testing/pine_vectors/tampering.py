"""Messages of the client of which one thing is changed: who notices, and by which check."""

from troth.testing.pine_vectors.bases import Base, add_base, regions
from troth.testing.pine_vectors.theme import VARIANTS, Theme

PARTS = ("wraparound", "verification")


def public_shares() -> Theme:
    """Changed parts of the public share."""
    theme = Theme(
        "tampered-public-share",
        "One part of the public share is changed, for all aggregators or for one. An aggregator "
        "never reads its own part: it computes it. So the owner of a wrong part does not notice, "
        "all others derive another seed than the owner, and the proofs fail (validity). Where the "
        "honest message is delivered all the same, exactly the others refuse it "
        "(joint_randomness).",
    )
    for shares in (2, 3):
        for variant in VARIANTS:
            base = add_base(theme, variant, shares=shares)
            for index, kind in enumerate(PARTS):
                for owner in range(shares):
                    _bend_part(base, kind, owner, index * shares + owner)
            _exchange_parts(base)
    return theme


def _exchange_parts(base: Base) -> None:
    """The parts of two aggregators, or all parts of both kinds, in each other's place."""
    shares, data = base.chosen["shares"], base.data("public_share")
    size = len(data) // (2 * shares)
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    orders = {
        "wraparound-parts-exchanged": [1, 0, *range(2, 2 * shares)],
        "verification-parts-exchanged": [
            *range(shares),
            shares + 1,
            shares,
            *range(shares + 2, 2 * shares),
        ],
        "kinds-exchanged": [*range(shares, 2 * shares), *range(shares)],
    }
    for name, order in orders.items():
        vector = base.recorder(name, name.replace("-", " "))
        edit = {"set": [[0, b"".join(parts[k] for k in order).hex()]]}
        bent = vector.edit("bent_public_share", base.named("public_share"), **edit)
        vector.verify(prefix=base.prefix, instead={"public_share": bent}, message_check="validity")
        base.theme.add(vector)


def _bend_part(base: Base, kind: str, owner: int, position: int) -> None:
    shares = base.chosen["shares"]
    size = len(base.data("public_share")) // (2 * shares)
    edit = base.flipped("public_share", position * size + (5 * position) % size)
    what = f"{kind}-part-{owner}"

    vector = base.recorder(f"{what}-for-all", f"{kind} part {owner} is changed for everybody")
    bent = vector.edit("bent_public_share", base.named("public_share"), **edit)
    vector.verify(prefix=base.prefix, instead={"public_share": bent}, message_check="validity")
    base.theme.add(vector)

    others = [j for j in range(shares) if j != owner]
    comment = f"{kind} part {owner} is changed for everybody; the honest message is delivered"
    vector = base.recorder(f"{what}-honest-message", comment)
    bent = vector.edit("bent_public_share", base.named("public_share"), **edit)
    message = base.named("verifier_message")
    instead = {"public_share": bent, "verifier_message": message}
    vector.verify(prefix=base.prefix, instead=instead, refused_by=others)
    base.theme.add(vector)

    for reader in range(shares):
        comment = f"{kind} part {owner} is changed for aggregator {reader} only"
        vector = base.recorder(f"{what}-for-{reader}", comment)
        bent = vector.edit("bent_public_share", base.named("public_share"), **edit)
        check = None if reader == owner else "validity"
        instead = {f"public_share:{reader}": bent}
        vector.verify(prefix=base.prefix, instead=instead, message_check=check)
        if reader == owner:
            # Nobody who verifies notices; whoever sees the published share does.
            vector.step(
                "check_joint_randomness",
                check="joint_randomness",
                public_share=bent,
                verifier_shares=[f"verifier_share_{j}" for j in range(shares)],
                verifier_message="verifier_message",
            )
        base.theme.add(vector)


def leader_shares() -> Theme:
    """Changed elements and blinds of the Leader's share."""
    theme = Theme(
        "tampered-leader-share",
        "One element of the Leader's share is increased by 1, or a bit of a blind is flipped. "
        "What the norm-equality circuit reads fails by norm_equality, which is decided first; all "
        "else by validity.",
    )
    for variant in VARIANTS:
        base = add_base(theme, variant)
        for region, (start, length) in regions(base.chosen).items():
            check = "norm_equality" if region.startswith(("gradient", "norm")) else "validity"
            for place, position in {"first": start, "last": start + length - 1}.items():
                if place == "last" and length == 1:
                    continue
                vector = base.recorder(
                    f"leader-{region}-{place}", f"the {place} element of {region} is off by 1"
                )
                edit = base.bumped("input_share_0", position)
                bent = vector.edit("bent_share", base.named("input_share_0"), **edit)
                instead = {"input_share_0": bent}
                vector.verify(prefix=base.prefix, instead=instead, message_check=check)
                theme.add(vector)
        size = len(base.data("verify_key"))
        blinds = {"verification": -size, "wraparound": -2 * size}
        for kind, start in blinds.items():
            for place, offset in {"first": start, "last": start + size - 1}.items():
                comment = f"the {place} byte of the {kind} blind is changed"
                vector = base.recorder(f"leader-{kind}-blind-{place}", comment)
                edit = base.flipped("input_share_0", offset)
                bent = vector.edit("bent_share", base.named("input_share_0"), **edit)
                instead = {"input_share_0": bent}
                vector.verify(prefix=base.prefix, instead=instead, message_check="validity")
                theme.add(vector)
    return theme


def helper_shares() -> Theme:
    """Changed seeds of Helpers."""
    theme = Theme(
        "tampered-helper-share",
        "A bit of one seed of a Helper is flipped: measurement and proofs become unrelated "
        "(norm_equality), blinds give other parts (validity).",
    )
    seeds = {
        "measurement-seed": "norm_equality",
        "proofs-seed": "norm_equality",
        "wraparound-blind": "validity",
        "verification-blind": "validity",
    }
    for shares in (2, 3):
        for variant in VARIANTS:
            base = add_base(theme, variant, shares=shares)
            size = len(base.data("verify_key"))
            for helper in range(1, shares):
                for index, (seed, check) in enumerate(seeds.items()):
                    vector = base.recorder(
                        f"helper-{helper}-{seed}", f"the {seed} of aggregator {helper} is changed"
                    )
                    name = f"input_share_{helper}"
                    edit = base.flipped(name, index * size + (7 * helper + index) % size)
                    bent = vector.edit("bent_share", base.named(name), **edit)
                    vector.verify(prefix=base.prefix, instead={name: bent}, message_check=check)
                    theme.add(vector)
    return theme
