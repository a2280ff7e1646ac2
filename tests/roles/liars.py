"""Dishonest members and sites for tests of the roles: honest code with one step exchanged."""

import json
from collections.abc import Sequence
from dataclasses import replace

from troth.domain import canonical
from troth.domain.hashing import digest
from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.privacy.secagg.tags import challenge, tag
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.roles.reporting import Report
from troth.roles.trainer import Trainer
from troth.round.driver import Party
from troth.round.mail import Outbox
from troth.round.messages import OPENED_SHARES_FORMAT, OpenedShares
from troth.round.publication import Publication, decode_publication
from troth.round.published import kept_candidates
from troth.round.transcript import PICK_LEVEL
from troth.round.transitions import Fault, State
from troth.testing.false_sums import shifted_sums

SHIFT = 1000


class WithoutKey(Aggregator):
    """Names an HPKE key and serves something else under its digest."""

    served = b""

    def _announce(self, state, view, inbox):
        outbox = super()._announce(state, view, inbox)
        head = self._chain(outbox.state, view)[-1]
        post = rounds.announce(self.study.study_id, view.number, head, digest(self.served))
        return replace(outbox, puts=(self.served,), posts=(post,))


class Denying(Aggregator):
    """Says that it cannot open some places, whatever it was sent."""

    denied = 0
    relents = False
    """Whether it opens them once their owner has answered."""

    def _opened(self, state, view, inbox):
        opened = super()._opened(state, view, inbox)
        if view.answers and self.relents:
            return opened
        return {slot: body for slot, body in opened.items() if not self.denied >> slot[0] & 1}


class Mumbling(Aggregator):
    """Answers denials with shares that are none."""

    def _answer(self, state, view, inbox):
        outbox = super()._answer(state, view, inbox)
        if not outbox.puts:
            return outbox
        nothing = OpenedShares(OPENED_SHARES_FORMAT, ()).encode()
        post = rounds.answer(self.study.study_id, view.number, digest(nothing))
        return replace(outbox, puts=(nothing,), posts=(post,))


class Evicting(Aggregator):
    """Publishes a false verifier share of one place."""

    place = 0

    def _verified(self, state, view, inbox):
        verified = super()._verified(state, view, inbox)
        return replace(verified, file=forged(verified.file, self.place))


def forged(file, place):
    """A verifier file with one bit of one share turned over."""
    entries = tuple(
        replace(
            entry, verifier_share=bytes([entry.verifier_share[0] ^ 1]) + entry.verifier_share[1:]
        )
        if entry.place == place
        else entry
        for entry in file.entries
    )
    return replace(file, entries=entries)


class AllAccepting(Aggregator):
    """Says that it accepts whatever was delivered."""

    def _judge(self, state, view, _):
        codes = bytes(len(self.study.reporters))
        return Outbox(state, posts=(rounds.judge(self.study.study_id, view.number, codes),))


def one_coordinate(field, length):
    return field.vector([SHIFT] + [0] * (length - 1))


class Shifting(Aggregator):
    """Commits to its sum, then publishes another one."""

    def _publish(self, state, view, inbox):
        outbox = super()._publish(state, view, inbox)
        (blob,) = outbox.puts
        changed = self._changed(blob)
        post = rounds.publish(self.study.study_id, view.number, digest(changed))
        return replace(outbox, keeps=(changed,), puts=(changed,), posts=(post,))

    def _changed(self, blob):
        return bytes([blob[0] ^ 1]) + blob[1:]


class Bending(Aggregator):
    """Shifts its sum, and bends tags so that they add up again."""

    def _sums(self, state, view, inbox):
        sums, outputs = super()._sums(state, view, inbox)
        return shifted_sums(self.study, sums, SHIFT), outputs

    def bend(self, state, honest):
        """What is missing between the tags and the shifted sum; an array of κ elements."""
        field, sums = self.study.field, honest.sums
        rho = challenge(field, self.study.terms.model.dimension, state.challenge)
        moved = one_coordinate(field, len(sums.share.values))
        return tag(field, rho, moved, field.zeros(len(sums.mask)))

    def _publish(self, state, view, inbox):
        outbox = super()._publish(state, view, inbox)
        honest = decode_publication(self.study, view.accepted, outbox.puts[0])
        bent = self.publication(outbox.state, view, honest)
        if bent is None:
            return Outbox(state)
        blob = bent.encode()
        post = rounds.publish(self.study.study_id, view.number, digest(blob))
        return replace(outbox, keeps=(blob,), puts=(blob,), posts=(post,))

    def publication(self, state, view, honest):
        """What it publishes in place of the honest tags; None to wait."""
        raise NotImplementedError


def with_tags(study, honest, bends):
    """A publication with something added to some tags, by place."""
    field = study.field
    tags = {
        place: field.add(value, bends[place]) if place in bends else value
        for place, value in honest.tags.items()
    }
    return Publication(honest.sums, tags)


class BendingPlace(Bending):
    """Bends the tag of one place, whoever's it is."""

    place = 0

    def publication(self, state, _, honest):
        return with_tags(self.study, honest, {self.place: self.bend(state, honest)})


class BendingKept(Bending):
    """Bends the tags of two other members' noise that will not be opened.

    It must know everybody's key to find out which noise that is, and nobody does.
    """

    others: Sequence[Party[AggregatorState]] = ()
    """The other members' parties: it reads their keys."""

    def publication(self, state, view, honest):
        owners = [index for index in range(len(self.study.committee)) if index != self.index]
        if len(view.publications) < len(owners):
            return None
        keys = {party.account.address: party.state.key for party in self.others}
        keys[self.account] = state.key
        field, bend = self.study.field, self.bend(state, honest)
        for number in range(1, 1000):
            part = field.vector([number] * len(bend))
            rest = field.sub(bend, part)
            places = [self.study.noise_place(owner, 0) for owner in owners]
            bent = with_tags(self.study, honest, dict(zip(places, (part, rest), strict=True)))
            published = view.publications | {self.account: digest(bent.encode())}
            known = replace(
                view,
                publications=published,
                reveals={**view.reveals, PICK_LEVEL: keys},
                left_before={**view.left_before, State.PICKED: frozenset()},
            )
            kept = kept_candidates(self.study, known, state.verify_key)
            if all(kept[owner] == 0 for owner in owners):
                return bent
        raise AssertionError("no luck in a thousand tries")


class WrongSeeds(Aggregator):
    """Opens other noise than it had reported."""

    def _open_noise(self, state, view, _):
        seeds = tuple(
            bytes([1 + number]) * 32
            for number in range(self.study.terms.privacy.noise_candidates - 1)
        )
        return Outbox(state, posts=(rounds.open_noise(self.study.study_id, view.number, seeds),))


class KeepingPublication(Aggregator):
    """Names its publication and serves it to nobody."""

    def _publish(self, state, view, inbox):
        return replace(super()._publish(state, view, inbox), puts=())

    def _confirm_publications(self, state, view, inbox):
        return replace(super()._confirm_publications(state, view, inbox), puts=())


class Crying(Aggregator):
    """Accuses somebody of something in place of its vote."""

    fault, party, evidence = Fault.PUBLICATION, ZERO, bytes(32)

    def _vote(self, state, view, _):
        post = rounds.accuse(
            self.study.study_id, view.number, self.fault, self.party, self.evidence
        )
        return Outbox(state, posts=(post,))


class CryingSite(Trainer):
    """Accuses a member of a false tag of its report, whatever the tag."""

    party, fault = ZERO, Fault.OWN_TAG

    def step(self, state, inbox):
        view = inbox.view.current
        if view.state is not State.OPENED or self.account in view.accusations:
            return super().step(state, inbox)
        post = rounds.accuse(self.study.study_id, view.number, self.fault, self.party, bytes(32))
        return Outbox(state, posts=(post,))


class Pointing(Trainer):
    """Names other parties' blobs as its own sealed shares, and uploads none."""

    targets: Sequence[bytes] = ()
    size: int | None = None

    def _make(self, view, inbox):
        made = super()._make(view, inbox)
        assert made
        sharing, report = made
        document = json.loads(report.envelope)
        for share, target in zip(document["shares"], self.targets, strict=True):
            share["digest"] = "0x" + target.hex()
            share["size"] = self.size or share["size"]
        return sharing, Report(canonical.encode(document), ())
