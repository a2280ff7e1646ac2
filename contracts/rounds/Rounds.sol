// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Calldata} from "../Calldata.sol";
import {Roles} from "../consortium/Roles.sol";
import {Ballots} from "./Ballots.sol";
import {Bits} from "./Bits.sol";
import {Completion} from "./Completion.sol";
import {Denials} from "./Denials.sol";
import {Digests} from "./Digests.sol";
import {IRounds} from "./IRounds.sol";
import {Live} from "./Live.sol";
import {Plan, Plans} from "./Plan.sol";
import {Record} from "./Record.sol";
import {Replication} from "./Replication.sol";
import {Resumption} from "./Resumption.sol";
import {RoundMachine} from "./RoundMachine.sol";
import {Seeds} from "./Seeds.sol";
import {Service} from "./Service.sol";
import {Verdicts} from "./Verdicts.sol";

/// @title The steps of a round, in the protocol's order
/// @dev Each step enters by its state, checks what it was given, and when it was the last one waited for
/// goes on in Completion.
/// Trap: calldata is checked here, not in libraries: `msg.data` there is what they were called with.
contract Rounds is Completion, Resumption {
    using Live for Plan;
    using Plans for Plan;

    constructor(address consortium_, address studies_, address privacy_)
        RoundMachine(consortium_, studies_, privacy_)
    {}

    /// @inheritdoc IRounds
    function announce(bytes32 studyId, uint32 round, bytes32 keyHead, bytes32 hpkeKeyDigest)
        external
        signed
    {
        (Plan storage plan, Record storage record) = _current(studyId, round);
        bool first = record.state == State.Absent;
        if (!first) {
            if (record.state != State.Announcing) revert WrongState(record.state);
            _requireInTime(record);
        }
        if (!studies.isActive(studyId)) revert StudyNotActive(studyId);
        if (!plan.isLoaded()) plan.load(studies, studyId);
        if (plan.isOver()) revert StudyOver(studyId);
        if (plan.isPaused()) revert StudyPaused(studyId);
        uint256 j = _requireCommittee(plan, studyId);
        if (first) record.live = plan.innocent();
        _requireLive(record, studyId, round, j);
        _requireAggregator(msg.sender);
        if (keyHead == 0 || hpkeKeyDigest == 0) revert ZeroDigest();
        record.keyHeads[j] = keyHead;
        record.hpkeKeyDigests[j] = hpkeKeyDigest;
        emit HeadPosted(studyId, round, msg.sender, keyHead, hpkeKeyDigest);
        if (first) {
            plan.exclude(studyId, round);
            _advance(plan, record, studyId, round, State.Announcing);
        }
        if (_markPosted(record, studyId, round, j)) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function open(bytes32 studyId, uint32 round) external signed {
        (Plan storage plan, Record storage record) =
            _enterInTime(studyId, round, State.Announced);
        if (!studies.isActive(studyId)) revert StudyNotActive(studyId);
        for (uint256 live = record.live; live != 0; live &= live - 1) {
            _requireAggregator(plan.committee[Bits.lowest(live)]);
        }
        uint256 enrolled = studies.enrolledSites(studyId) & ~uint256(plan.spent);
        if (!plan.meetsQuorum(enrolled)) revert QuorumUnreachable(studyId, round);
        record.enrolled = uint64(enrolled);
        (bytes32[] memory lineages, uint64[] memory nanoRho) =
            studies.chargesOf(studyId, enrolled);
        privacy.reserve(studyId, round, lineages, nanoRho);
        emit Opened(studyId, round, enrolled);
        _advance(plan, record, studyId, round, State.Open);
    }

    /// @inheritdoc IRounds
    function report(bytes32 studyId, uint32 round, bytes32 digest) external signed {
        (, Record storage record) = _enterInTime(studyId, round, State.Open);
        uint256 number = studies.siteNumber(studyId, msg.sender);
        if (number == 0) revert NotSite(studyId, msg.sender);
        if ((record.enrolled >> (number - 1)) & 1 == 0) {
            revert NotEnrolled(studyId, round, msg.sender);
        }
        if (consortium.rolesOf(msg.sender) & Roles.SITE == 0) revert NotSite(studyId, msg.sender);
        _keepDigest(record, studyId, round, number - 1, digest);
        emit Reported(studyId, round, msg.sender, digest);
    }

    /// @inheritdoc IRounds
    function reportNoise(bytes32 studyId, uint32 round, bytes32 digest) external signed {
        (Plan storage plan, Record storage record) = _enterInTime(studyId, round, State.Open);
        uint256 j = _requireCommittee(plan, studyId);
        _requireLive(record, studyId, round, j);
        _requireAggregator(msg.sender);
        _keepDigest(record, studyId, round, plan.sites + j, digest);
        emit NoiseReported(studyId, round, msg.sender, digest);
    }

    /// @inheritdoc IRounds
    function close(bytes32 studyId, uint32 round) external signed {
        (Plan storage plan, Record storage record) = _enter(studyId, round, State.Open);
        (bytes32[] memory reports, uint256 present) = _digestsFrom(record, 0, plan.sites);
        (bytes32[] memory lists, uint256 noisy) = _digestsFrom(record, plan.sites, plan.members);
        uint256 missing = record.live & ~noisy;
        if ((missing != 0 || present != record.enrolled) && !_isLate(record)) {
            revert TooEarly(record.deadline, uint64(block.timestamp));
        }
        address first = plan.committee[Bits.lowest(missing)];
        if (missing != 0 && !_aggregates(first)) {
            _abort(plan, record, studyId, round, Reason.Revoked);
        } else if (
            missing != 0 && !plan.drop(record, studyId, round, missing, Reason.Withheld)
        ) {
            _abort(plan, record, studyId, round, Reason.Withheld, first, address(0));
        } else if (!plan.meetsQuorum(present)) {
            _abort(plan, record, studyId, round, Reason.Quorum);
        } else {
            uint128 places = uint128(present) | plan.noiseOf(noisy);
            record.present = places;
            record.delivered = places;
            bytes32 transcript =
                Digests.transcript(studyId, round, record.headsDigest, reports, lists);
            record.transcript = transcript;
            emit TranscriptFixed(studyId, round, transcript, places);
            _advance(plan, record, studyId, round, State.Closed);
        }
    }

    /// @inheritdoc IRounds
    function deliver(bytes32 studyId, uint32 round, uint256 opened) external signed {
        State state = _oneOf(studyId, round, State.Closed, State.Answered);
        (Plan storage plan, Record storage record, uint256 k, bool last) =
            _post(studyId, round, state);
        uint256 present = record.present;
        if (opened & ~present != 0) revert WrongBitmap(present, opened);
        emit DeliveryPosted(studyId, round, msg.sender, opened);
        if (plan.replicated) {
            Replication.keepDelivery(plan, record, k, opened);
        } else {
            record.delivered &= uint128(opened);
            record.denials = Denials.add(plan, record.denials, k, opened);
        }
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function answer(bytes32 studyId, uint32 round, bytes32 digest) external signed {
        (Plan storage plan, Record storage record) =
            _enterInTime(studyId, round, State.Contested);
        uint256 j = _requireCommittee(plan, studyId);
        _requireLive(record, studyId, round, j);
        _requireOwing(record, studyId, round, j);
        bool last = _markPosted(record, studyId, round, j);
        if (digest == 0) revert ZeroDigest();
        emit Answered(studyId, round, msg.sender, digest);
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function reveal(bytes32 studyId, uint32 round, bytes32 value) external signed {
        (State state, uint8 level) = _revealing(studyId, round);
        (Plan storage plan, Record storage record, uint256 j, bool last) =
            _post(studyId, round, state);
        bytes32 head = keyStep(studyId, round, msg.sender, level, value);
        if (state == State.Held && plan.replicated) {
            head = keyStep(studyId, round, msg.sender, level + 1, head);
        }
        if (head != record.keyHeads[j]) revert WrongReveal(msg.sender);
        record.keyHeads[j] = value;
        emit KeyRevealed(studyId, round, msg.sender, level - 1, value);
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function commitFile(bytes32 studyId, uint32 round, bytes32 digest) external signed {
        (Plan storage plan, Record storage record,, bool last) =
            _post(studyId, round, State.Keyed);
        if (digest == 0) revert ZeroDigest();
        emit FileCommitted(studyId, round, msg.sender, digest);
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function confirm(bytes32 studyId, uint32 round, uint256 fetched) external signed {
        State state = _oneOf(studyId, round, State.Committed, State.Published);
        (Plan storage plan, Record storage record, uint256 j, bool last) =
            _post(studyId, round, state);
        uint256 live = record.live;
        if (fetched & ~live != 0 || (fetched >> j) & 1 == 0) revert WrongBitmap(live, fetched);
        record.complaints = Service.add(record.complaints, live & ~fetched);
        emit Confirmed(studyId, round, msg.sender, fetched);
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function judge(bytes32 studyId, uint32 round, bytes calldata codes) external signed {
        Calldata.requireCanonical(abi.encode(studyId, round, codes));
        (Plan storage plan, Record storage record, uint256 j, bool last) =
            _post(studyId, round, State.Judged);
        Verdicts.keep(plan, record, j, codes);
        emit VerdictPosted(studyId, round, msg.sender, codes);
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function commitSum(bytes32 studyId, uint32 round, bytes32[] calldata digests)
        external
        signed
    {
        Calldata.requireCanonical(abi.encode(studyId, round, digests));
        (Plan storage plan, Record storage record, uint256 j, bool last) =
            _post(studyId, round, State.Settled);
        if (digests.length != (plan.replicated ? plan.members - 1 : 1)) {
            revert WrongSums(msg.sender);
        }
        for (uint256 i = 0; i < digests.length; ++i) {
            if (digests[i] == 0) revert ZeroDigest();
        }
        if (plan.replicated) Replication.keepSums(record, j, digests);
        emit SumCommitted(studyId, round, msg.sender, digests);
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function publish(bytes32 studyId, uint32 round, bytes32 digest) external signed {
        (Plan storage plan, Record storage record,, bool last) =
            _post(studyId, round, State.Challenged);
        if (digest == 0) revert ZeroDigest();
        emit PublicationPosted(studyId, round, msg.sender, digest);
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function openNoise(bytes32 studyId, uint32 round, bytes32[] calldata seeds) external signed {
        Calldata.requireCanonical(abi.encode(studyId, round, seeds));
        (Plan storage plan, Record storage record,, bool last) =
            _post(studyId, round, State.Picked);
        Seeds.check(seeds, plan.candidates - 1);
        emit NoiseOpened(studyId, round, msg.sender, seeds);
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function recover(bytes32 studyId, uint32 round, uint256 owners, bytes32 digest)
        external
        signed
    {
        (Plan storage plan, Record storage record, uint256 j, bool last) =
            _post(studyId, round, State.Seeded);
        Replication.keepRecovery(plan, record, j, owners);
        if (digest == 0 && owners != 0) revert ZeroDigest();
        emit Recovered(studyId, round, msg.sender, owners, digest);
        if (last) _complete(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function attest(bytes32 studyId, uint32 round, bytes32 modelDigest, bool tagsRight)
        external
        signed
    {
        (Plan storage plan, Record storage record) = _enterInTime(studyId, round, State.Opened);
        Ballots.attest(plan, record, studies, studyId, round, modelDigest, tagsRight);
    }

    /// @inheritdoc IRounds
    function accuse(bytes32 studyId, uint32 round, uint8 fault, address party, bytes32 evidence)
        external
        signed
    {
        (Plan storage plan, Record storage record) = _enterInTime(studyId, round, State.Opened);
        Ballots.accuse(plan, record, studies, studyId, round, fault, party, evidence);
    }

    /// @inheritdoc IRounds
    function finalise(bytes32 studyId, uint32 round) external signed {
        (Plan storage plan, Record storage record) = _enter(studyId, round, State.Opened);
        (Reason reason, address party) = Ballots.finalise(plan, record);
        if (reason != Reason.None) {
            _abort(plan, record, studyId, round, reason, party, address(0));
        } else {
            ++plan.finals;
            emit Finalised(studyId, round, record.modelDigest);
            _end(record, studyId, round, State.Final);
        }
    }

    /// @inheritdoc IRounds
    function review(bytes32 studyId, uint32 round, bool tagsRight) external signed {
        Record storage record = _records[studyId][round];
        if (record.state != State.Final) revert WrongState(record.state);
        Ballots.review(record, studies, studyId, round, tagsRight);
    }

    /// @inheritdoc IRounds
    function defend(bytes32 studyId, uint32 round, bytes32[] calldata seeds) external signed {
        Calldata.requireCanonical(abi.encode(studyId, round, seeds));
        Plan storage plan = _plans[studyId];
        Record storage record = _records[studyId][round];
        if (record.state != State.Aborted || record.owing == 0) revert WrongState(record.state);
        uint256 j = _requireCommittee(plan, studyId);
        _requireOwing(record, studyId, round, j);
        _markPosted(record, studyId, round, j);
        Seeds.check(seeds, plan.candidates);
        emit NoiseDefended(studyId, round, msg.sender, seeds);
    }

    /// @inheritdoc IRounds
    function keyStep(bytes32 studyId, uint32 round, address member, uint8 level, bytes32 value)
        public
        view
        returns (bytes32)
    {
        return Digests.keyStep(studyId, round, member, level, value);
    }

    function _keepDigest(
        Record storage record,
        bytes32 studyId,
        uint32 round,
        uint256 reporter,
        bytes32 digest
    ) internal {
        if (digest == 0) revert ZeroDigest();
        if (record.digests[reporter] != 0) revert AlreadyPosted(studyId, round, msg.sender);
        record.digests[reporter] = digest;
    }

    function _requireOwing(Record storage record, bytes32 studyId, uint32 round, uint256 j)
        internal
        view
    {
        if ((record.owing >> j) & 1 == 0) revert NotOwing(studyId, round, msg.sender);
    }

    /// @return state The round's, where it waits for a reveal, else one that it is not in.
    /// @return level Of the step from what is revealed to what is known.
    function _revealing(bytes32 studyId, uint32 round)
        internal
        view
        returns (State state, uint8 level)
    {
        state = _records[studyId][round].state;
        if (state == State.Held) return (state, 1);
        if (state == State.Summed) return (state, 2);
        return (State.Delivered, 3);
    }

    /// @return digests `count` of them in the reporters' order, zero where there is none.
    /// @return bitmap Which of them there are.
    function _digestsFrom(Record storage record, uint256 start, uint256 count)
        internal
        view
        returns (bytes32[] memory digests, uint256 bitmap)
    {
        digests = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 digest = record.digests[start + i];
            digests[i] = digest;
            if (digest != 0) bitmap |= 1 << i;
        }
    }
}
