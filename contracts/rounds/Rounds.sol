// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Calldata} from "../Calldata.sol";
import {Roles} from "../consortium/Roles.sol";
import {Ballots} from "./Ballots.sol";
import {Bits} from "./Bits.sol";
import {Denials} from "./Denials.sol";
import {Digests} from "./Digests.sol";
import {IRounds} from "./IRounds.sol";
import {Plan, Plans} from "./Plan.sol";
import {Resumption} from "./Resumption.sol";
import {RoundMachine} from "./RoundMachine.sol";
import {Seeds} from "./Seeds.sol";
import {Service} from "./Service.sol";
import {Verdicts} from "./Verdicts.sol";

/// @title The steps of a round, in the protocol's order
/// @dev Each step enters by its state, checks what it was given, and moves the round when it was the
/// last one waited for.
contract Rounds is Ballots, Resumption {
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
        if (!plan.isLoaded()) plan.load(studies.termsOf(studyId));
        if (plan.isOver()) revert StudyOver(studyId);
        if (plan.isPaused()) revert StudyPaused(studyId);
        uint256 j = _requireCommittee(plan, studyId);
        _requireAggregator(msg.sender);
        if (keyHead == 0 || hpkeKeyDigest == 0) revert ZeroDigest();
        record.keyHeads[j] = keyHead;
        record.hpkeKeyDigests[j] = hpkeKeyDigest;
        emit HeadPosted(studyId, round, msg.sender, keyHead, hpkeKeyDigest);
        if (first) _advance(plan, record, studyId, round, State.Announcing);
        if (_markPosted(plan, record, studyId, round, j)) {
            _fixHeads(plan, record, studyId, round);
            _advance(plan, record, studyId, round, State.Announced);
        }
    }

    /// @inheritdoc IRounds
    function open(bytes32 studyId, uint32 round) external signed {
        (Plan storage plan, Record storage record) =
            _enterInTime(studyId, round, State.Announced);
        if (!studies.isActive(studyId)) revert StudyNotActive(studyId);
        for (uint256 j = 0; j < plan.members; ++j) {
            _requireAggregator(plan.committee[j]);
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
        _requireAggregator(msg.sender);
        _keepDigest(record, studyId, round, plan.sites + j, digest);
        emit NoiseReported(studyId, round, msg.sender, digest);
    }

    /// @inheritdoc IRounds
    function close(bytes32 studyId, uint32 round) external signed {
        (Plan storage plan, Record storage record) = _enter(studyId, round, State.Open);
        (bytes32[] memory reports, uint256 present) = _digestsFrom(record, 0, plan.sites);
        (bytes32[] memory lists, uint256 noisy) = _digestsFrom(record, plan.sites, plan.members);
        bool noiseIn = noisy == plan.allMembers();
        if (!(noiseIn && present == record.enrolled) && !_isLate(record)) {
            revert TooEarly(record.deadline, uint64(block.timestamp));
        }
        if (!noiseIn) {
            address missing = _firstMissing(plan, noisy);
            if (_aggregates(missing)) {
                _abort(plan, record, studyId, round, Reason.Withheld, missing, address(0));
            } else {
                _abort(plan, record, studyId, round, Reason.Revoked);
            }
        } else if (!plan.meetsQuorum(present)) {
            _abort(plan, record, studyId, round, Reason.Quorum);
        } else {
            uint128 places = uint128(present) | plan.noiseBits();
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
        record.delivered &= uint128(opened);
        uint256 denials = Denials.add(plan, record.denials, k, opened);
        record.denials = denials;
        emit DeliveryPosted(studyId, round, msg.sender, opened);
        if (!last) return;
        if (denials == 0) {
            emit DeliveryFixed(studyId, round, record.delivered);
            _advance(plan, record, studyId, round, State.Delivered);
        } else if (state == State.Closed) {
            _contest(plan, record, studyId, round);
        } else {
            (address owner, address denier) = Denials.first(plan, denials);
            _abort(plan, record, studyId, round, Reason.Noise, owner, denier);
        }
    }

    /// @inheritdoc IRounds
    function answer(bytes32 studyId, uint32 round, bytes32 digest) external signed {
        (Plan storage plan, Record storage record) =
            _enterInTime(studyId, round, State.Contested);
        uint256 j = _requireOwing(plan, record, studyId, round);
        bool last = _markPosted(plan, record, studyId, round, j);
        if (digest == 0) revert ZeroDigest();
        emit Answered(studyId, round, msg.sender, digest);
        if (last) _advance(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function reveal(bytes32 studyId, uint32 round, bytes32 value) external signed {
        (State state, uint8 level) = _revealing(studyId, round);
        (Plan storage plan, Record storage record, uint256 j, bool last) =
            _post(studyId, round, state);
        if (keyStep(studyId, round, msg.sender, level, value) != record.keyHeads[j]) {
            revert WrongReveal(msg.sender);
        }
        record.keyHeads[j] = value;
        emit KeyRevealed(studyId, round, msg.sender, level - 1, value);
        if (last) _advance(plan, record, studyId, round);
    }

    /// @inheritdoc IRounds
    function commitFile(bytes32 studyId, uint32 round, bytes32 digest) external signed {
        (Plan storage plan, Record storage record,, bool last) =
            _post(studyId, round, State.Keyed);
        if (digest == 0) revert ZeroDigest();
        emit FileCommitted(studyId, round, msg.sender, digest);
        if (last) _advance(plan, record, studyId, round, State.Committed);
    }

    /// @inheritdoc IRounds
    function confirm(bytes32 studyId, uint32 round, uint256 fetched) external signed {
        State state = _oneOf(studyId, round, State.Committed, State.Published);
        (Plan storage plan, Record storage record, uint256 j, bool last) =
            _post(studyId, round, state);
        uint256 all = plan.allMembers();
        if (fetched & ~all != 0 || (fetched >> j) & 1 == 0) revert WrongBitmap(all, fetched);
        uint40 complaints = Service.add(record.complaints, all & ~fetched);
        record.complaints = complaints;
        emit Confirmed(studyId, round, msg.sender, fetched);
        if (!last) return;
        if (complaints == 0) {
            _advance(plan, record, studyId, round);
        } else {
            uint256 number = Service.unserved(complaints, plan.members);
            address party = number == 0 ? address(0) : plan.committee[number - 1];
            _abort(plan, record, studyId, round, Reason.Unavailable, party, address(0));
        }
    }

    /// @inheritdoc IRounds
    function judge(bytes32 studyId, uint32 round, bytes calldata codes) external signed {
        Calldata.requireCanonical(abi.encode(studyId, round, codes));
        (Plan storage plan, Record storage record,, bool last) =
            _post(studyId, round, State.Judged);
        uint128 accepted =
            Verdicts.accepted(codes, plan.places(), record.present, record.delivered);
        bytes32 verdict = keccak256(codes);
        if (record.verdict == 0) record.verdict = verdict;
        else if (record.verdict != verdict) record.differs = true;
        emit VerdictPosted(studyId, round, msg.sender, codes);
        if (!last) return;
        uint128 rejectedNoise = plan.noiseBits() & ~accepted;
        if (record.differs) {
            _abort(plan, record, studyId, round, Reason.Disagree);
        } else if (rejectedNoise != 0) {
            _abort(plan, record, studyId, round, Reason.Noise);
            record.owing = plan.owners(rejectedNoise);
        } else if (!plan.meetsQuorum(accepted)) {
            _abort(plan, record, studyId, round, Reason.Quorum);
        } else {
            _fixAccepted(plan, record, studyId, round, accepted);
            _advance(plan, record, studyId, round, State.Settled);
        }
    }

    /// @inheritdoc IRounds
    function commitSum(bytes32 studyId, uint32 round, bytes32 digest) external signed {
        (Plan storage plan, Record storage record,, bool last) =
            _post(studyId, round, State.Settled);
        if (digest == 0) revert ZeroDigest();
        emit SumCommitted(studyId, round, msg.sender, digest);
        if (last) _advance(plan, record, studyId, round, State.Summed);
    }

    /// @inheritdoc IRounds
    function publish(bytes32 studyId, uint32 round, bytes32 digest) external signed {
        (Plan storage plan, Record storage record,, bool last) =
            _post(studyId, round, State.Challenged);
        if (digest == 0) revert ZeroDigest();
        emit PublicationPosted(studyId, round, msg.sender, digest);
        if (last) _advance(plan, record, studyId, round, State.Published);
    }

    /// @inheritdoc IRounds
    function openNoise(bytes32 studyId, uint32 round, bytes32[] calldata seeds) external signed {
        Calldata.requireCanonical(abi.encode(studyId, round, seeds));
        (Plan storage plan, Record storage record,, bool last) =
            _post(studyId, round, State.Picked);
        Seeds.check(seeds, plan.candidates - 1);
        emit NoiseOpened(studyId, round, msg.sender, seeds);
        if (last) _advance(plan, record, studyId, round, State.Opened);
    }

    /// @inheritdoc IRounds
    function defend(bytes32 studyId, uint32 round, bytes32[] calldata seeds) external signed {
        Calldata.requireCanonical(abi.encode(studyId, round, seeds));
        Plan storage plan = _plans[studyId];
        Record storage record = _records[studyId][round];
        if (record.state != State.Aborted || record.owing == 0) revert WrongState(record.state);
        uint256 j = _requireOwing(plan, record, studyId, round);
        _markPosted(plan, record, studyId, round, j);
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

    function _fixHeads(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
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
    }

    /// @dev S is fixed once and never changes; what it costs is spent in the same transaction.
    function _fixAccepted(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round,
        uint128 accepted
    ) internal {
        record.accepted = accepted;
        record.voters = plan.members + Bits.count(accepted & plan.siteBits());
        emit AcceptedFixed(studyId, round, accepted);
        (bytes32[] memory lineages, uint64[] memory nanoRho) =
            studies.chargesOf(studyId, record.enrolled);
        privacy.settle(studyId, round, lineages, nanoRho);
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

    /// @dev The owners of denied noise must answer; then everybody says again what it could open.
    function _contest(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
        internal
    {
        uint8 owing = Denials.owners(plan, record.denials);
        record.denials = 0;
        record.delivered |= plan.noiseBits();
        _advance(plan, record, studyId, round, State.Contested);
        record.owing = owing;
        record.posted = plan.allMembers() & ~owing;
    }

    function _requireOwing(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round
    ) internal view returns (uint256 j) {
        j = _requireCommittee(plan, studyId);
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
