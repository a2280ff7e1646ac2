// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Calldata} from "../Calldata.sol";
import {IConsortium} from "../consortium/IConsortium.sol";
import {Roles} from "../consortium/Roles.sol";
import {References} from "../References.sol";
import {Bits} from "./Bits.sol";
import {Digests} from "./Digests.sol";
import {IRounds} from "./IRounds.sol";
import {Plan, Plans} from "./Plan.sol";
import {RoundMachine} from "./RoundMachine.sol";
import {Verdicts} from "./Verdicts.sol";

/// @title The steps of a round, in the protocol's order
/// @dev Each step enters by its state, checks what it was given, and moves the round when it was the
/// last one waited for.
contract Rounds is RoundMachine {
    using Plans for Plan;

    IConsortium public immutable consortium;

    constructor(address consortium_, address studies_, address privacy_)
        RoundMachine(studies_, privacy_)
    {
        consortium = IConsortium(References.checked(consortium_));
    }

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
        uint256 enrolled = studies.enrolledSites(studyId);
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
            _abort(plan, record, studyId, round, Reason.Withheld, missing, address(0));
        } else if (!plan.meetsQuorum(present)) {
            _abort(plan, record, studyId, round, Reason.Quorum, address(0), address(0));
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
        (Plan storage plan, Record storage record, uint256 k, bool last) =
            _post(studyId, round, State.Closed);
        uint256 present = record.present;
        if (opened & ~present != 0) revert WrongBitmap(present, opened);
        uint128 delivered = record.delivered & uint128(opened);
        record.delivered = delivered;
        _noteDenials(plan, record, k, opened);
        emit DeliveryPosted(studyId, round, msg.sender, opened);
        if (!last) return;
        if (record.denied != 0) {
            (address owner, address denier) = _firstDenial(plan, record.denied);
            _abort(plan, record, studyId, round, Reason.Noise, owner, denier);
        } else {
            emit DeliveryFixed(studyId, round, delivered);
            _advance(plan, record, studyId, round, State.Delivered);
        }
    }

    /// @inheritdoc IRounds
    function reveal(bytes32 studyId, uint32 round, bytes32 value) external signed {
        (Plan storage plan, Record storage record, uint256 j, bool last) =
            _post(studyId, round, State.Delivered);
        if (keyStep(studyId, round, msg.sender, 3, value) != record.keyHeads[j]) {
            revert WrongReveal(msg.sender);
        }
        emit KeyRevealed(studyId, round, msg.sender, 2, value);
        if (last) _advance(plan, record, studyId, round, State.Keyed);
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
    function confirmFiles(bytes32 studyId, uint32 round, uint256 fetched) external signed {
        (Plan storage plan, Record storage record, uint256 j, bool last) =
            _post(studyId, round, State.Committed);
        uint256 all = plan.allMembers();
        if (fetched & ~all != 0 || (fetched >> j) & 1 == 0) revert WrongBitmap(all, fetched);
        if (fetched != all) record.differs = true;
        emit FilesConfirmed(studyId, round, msg.sender, fetched);
        if (!last) return;
        if (record.differs) {
            _abort(plan, record, studyId, round, Reason.Unavailable, address(0), address(0));
        } else {
            _advance(plan, record, studyId, round, State.Judged);
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
            _abort(plan, record, studyId, round, Reason.Disagree, address(0), address(0));
        } else if (rejectedNoise != 0) {
            address owner = _noiseOwner(plan, Bits.lowest(rejectedNoise) - plan.sites);
            _abort(plan, record, studyId, round, Reason.Noise, owner, address(0));
        } else if (!plan.meetsQuorum(accepted)) {
            _abort(plan, record, studyId, round, Reason.Quorum, address(0), address(0));
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
            _post(studyId, round, State.Summed);
        if (digest == 0) revert ZeroDigest();
        emit PublicationPosted(studyId, round, msg.sender, digest);
        if (last) _advance(plan, record, studyId, round, State.Published);
    }

    /// @inheritdoc IRounds
    function attest(bytes32 studyId, uint32 round, bytes32 modelDigest) external signed {
        (Plan storage plan, Record storage record) =
            _enterInTime(studyId, round, State.Published);
        _markVoter(plan, record, studyId, round);
        if (modelDigest == 0) revert ZeroDigest();
        ++record.votes;
        uint8 votesFor = ++record.votesFor[modelDigest];
        if (votesFor == Math.max(record.voters / 2, plan.members) + 1) {
            record.modelDigest = modelDigest;
        }
        emit Attested(studyId, round, msg.sender, modelDigest);
    }

    /// @inheritdoc IRounds
    function finalise(bytes32 studyId, uint32 round) external signed {
        (Plan storage plan, Record storage record) = _enter(studyId, round, State.Published);
        if (record.votes != record.voters && !_isLate(record)) {
            revert TooEarly(record.deadline, uint64(block.timestamp));
        }
        bytes32 modelDigest = record.modelDigest;
        if (modelDigest == 0) {
            _abort(plan, record, studyId, round, Reason.Conflict, address(0), address(0));
        } else {
            ++plan.finals;
            emit Finalised(studyId, round, modelDigest);
            _end(record, studyId, round, State.Final);
        }
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

    function _noteDenials(Plan storage plan, Record storage record, uint256 k, uint256 opened)
        internal
    {
        uint256 unopened = (plan.noiseBits() & ~opened) >> plan.sites;
        uint256 members = plan.members;
        uint256 denied;
        for (uint256 place = 0; unopened != 0; ++place) {
            denied |= (unopened & 1) << (place * members + k);
            unopened >>= 1;
        }
        if (denied != 0) record.denied |= uint128(denied);
    }

    /// @dev Members and accepted sites, once each.
    function _markVoter(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
        internal
    {
        uint256 number = plan.memberNumber(msg.sender);
        if (number != 0) {
            _markPosted(plan, record, studyId, round, number - 1);
            return;
        }
        number = studies.siteNumber(studyId, msg.sender);
        if (number == 0 || (record.accepted >> (number - 1)) & 1 == 0) {
            revert NotVoter(studyId, msg.sender);
        }
        uint64 bit = uint64(1 << (number - 1));
        if (record.attested & bit != 0) revert AlreadyPosted(studyId, round, msg.sender);
        record.attested |= bit;
    }

    function _requireAggregator(address account) internal view {
        if (consortium.rolesOf(account) & Roles.AGGREGATOR == 0) revert NotAggregator(account);
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

    function _firstDenial(Plan storage plan, uint256 denied)
        internal
        view
        returns (address owner, address denier)
    {
        uint256 bit = Bits.lowest(denied);
        owner = _noiseOwner(plan, bit / plan.members);
        denier = plan.committee[bit % plan.members];
    }

    /// @dev `place` counts noise candidates by member and candidate.
    function _noiseOwner(Plan storage plan, uint256 place) internal view returns (address) {
        return plan.committee[place / plan.candidates];
    }
}
