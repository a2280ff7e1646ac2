// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Bits} from "./Bits.sol";
import {Denials} from "./Denials.sol";
import {Digests} from "./Digests.sol";
import {Live} from "./Live.sol";
import {Plan, Plans} from "./Plan.sol";
import {Record} from "./Record.sol";
import {Replication} from "./Replication.sol";
import {RoundMachine} from "./RoundMachine.sol";
import {Service} from "./Service.sol";
import {Verdicts} from "./Verdicts.sol";

/// @title What comes of a step when all live members have posted
/// @dev In the protocol's order, by the state whose step is complete. Libraries decide: first who leaves,
/// then which of the row's outcomes it is. Effects on other contracts, and `Moved`, stand here.
abstract contract Completion is RoundMachine {
    using Live for Plan;
    using Plans for Plan;

    /// @inheritdoc RoundMachine
    /// @dev A row of one outcome goes to the state that follows in the table.
    function _complete(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
        internal
        override
    {
        State state = record.state;
        if (state == State.Announcing) {
            _completeHeads(plan, record, studyId, round);
        } else if (state == State.Closed || state == State.Answered) {
            _completeDelivery(plan, record, studyId, round);
        } else if (state == State.Committed || state == State.Published) {
            _completeService(plan, record, studyId, round);
        } else if (state == State.Judged) {
            _completeVerdict(plan, record, studyId, round);
        } else if (state == State.Settled) {
            _completeSums(plan, record, studyId, round);
        } else if (state == State.Picked) {
            _completeOpenings(plan, record, studyId, round);
        } else if (state == State.Seeded) {
            _completeRecovery(plan, record, studyId, round);
        } else {
            _advance(plan, record, studyId, round);
        }
    }

    /// @dev Heads of members that left are zero words.
    function _completeHeads(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
        internal
    {
        uint256 members = plan.members;
        bytes32[] memory keyHeads = new bytes32[](members);
        bytes32[] memory hpkeKeyDigests = new bytes32[](members);
        for (uint256 j = 0; j < members; ++j) {
            keyHeads[j] = record.keyHeads[j];
            hpkeKeyDigests[j] = record.hpkeKeyDigests[j];
        }
        bytes32 digest = Digests.heads(studyId, round, keyHeads, hpkeKeyDigests);
        record.headsDigest = digest;
        emit HeadsFixed(studyId, round, digest);
        _advance(plan, record, studyId, round);
    }

    function _completeDelivery(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round
    ) internal {
        (State to, address owner, address denier) = plan.replicated
            ? Replication.decideDelivery(plan, record, studyId, round)
            : Denials.decide(plan, record);
        if (to == State.Aborted) {
            _abort(plan, record, studyId, round, Reason.Noise, owner, denier);
        } else if (to == State.Contested) {
            _contest(plan, record, studyId, round);
        } else {
            emit DeliveryFixed(studyId, round, record.delivered);
            _advance(plan, record, studyId, round, State.Delivered);
        }
    }

    /// @dev The owners of denied noise must answer, or where shares are replicated all; then everybody
    /// says again what it could open.
    function _contest(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
        internal
    {
        uint8 owing = record.live;
        if (!plan.replicated) {
            owing = Denials.owners(plan, record.denials);
            record.delivered |= plan.noiseBits();
        }
        record.denials = 0;
        record.unopened = 0;
        _advance(plan, record, studyId, round, State.Contested);
        record.owing = owing;
        record.posted = record.live & ~owing;
    }

    function _completeService(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round
    ) internal {
        uint256 unserved = Service.unserved(record.complaints, record.live);
        if (plan.drop(record, studyId, round, unserved, Reason.Unavailable)) unserved = 0;
        if (unserved != 0) {
            address party = plan.committee[Bits.lowest(unserved)];
            _abort(plan, record, studyId, round, Reason.Unavailable, party, address(0));
        } else if (record.complaints != 0 && Bits.count(record.live) == plan.least) {
            _abort(plan, record, studyId, round, Reason.Unavailable);
        } else {
            _advance(plan, record, studyId, round);
        }
    }

    /// @dev S is fixed once and never changes; what it costs is spent in the same transaction.
    function _completeVerdict(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round
    ) internal {
        (Reason reason, address one, address other) =
            Verdicts.decide(plan, record, studyId, round);
        if (reason != Reason.None) {
            uint8 owing = record.owing; // who may defend its noise; the end of a round empties it
            _abort(plan, record, studyId, round, reason, one, other);
            record.owing = owing;
            return;
        }
        emit AcceptedFixed(studyId, round, record.accepted);
        (bytes32[] memory lineages, uint64[] memory nanoRho) =
            studies.chargesOf(studyId, record.enrolled);
        privacy.settle(studyId, round, lineages, nanoRho);
        _advance(plan, record, studyId, round);
    }

    function _completeSums(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round
    ) internal {
        if (!plan.replicated) {
            _advance(plan, record, studyId, round);
            return;
        }
        (address one, address other) = Replication.decideSums(plan, record, studyId, round);
        if (other != address(0)) {
            _abort(plan, record, studyId, round, Reason.Disagree, one, other);
        } else {
            _advance(plan, record, studyId, round, State.Held);
        }
    }

    /// @dev Where a member can be spared, the others can open its noise too.
    function _completeOpenings(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round
    ) internal {
        State to = plan.least < plan.members ? State.Seeded : State.Opened;
        _advance(plan, record, studyId, round, to);
    }

    function _completeRecovery(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round
    ) internal {
        (Reason reason, address party) =
            Replication.decideRecovery(plan, record, studyId, round);
        if (reason != Reason.None) {
            _abort(plan, record, studyId, round, reason, party, address(0));
        } else {
            _advance(plan, record, studyId, round);
        }
    }
}
