// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRounds} from "./IRounds.sol";
import {Plan, Plans} from "./Plan.sol";
import {RoundMachine} from "./RoundMachine.sol";

/// @title The last step: what members and sites say about what was opened, and what comes of it
/// @dev Voters are the accepted sites and the members. A voter's number is its place in the terms: the
/// sites' order, then the committee's.
/// Trap: a voter attests once and accuses once, and an accusation takes its attestation back. So each
/// voter stands behind one model digest or one accusation at most, and with a threshold above N/2 only
/// one digest, and one accusation, can ever reach it.
abstract contract Ballots is RoundMachine {
    using Plans for Plan;

    /// @inheritdoc IRounds
    function attest(bytes32 studyId, uint32 round, bytes32 modelDigest, bool tagsRight)
        external
        signed
    {
        (Plan storage plan, Record storage record) = _enterInTime(studyId, round, State.Opened);
        uint256 voter = _requireVoter(plan, record, studyId, msg.sender);
        uint72 bit = uint72(1 << voter);
        if (record.voted & bit != 0) revert AlreadyPosted(studyId, round, msg.sender);
        if (modelDigest == 0) revert ZeroDigest();
        record.voted |= bit;
        if (tagsRight && voter < plan.sites) record.checked |= uint64(bit);
        record.attestations[voter] = modelDigest;
        if (++record.votesFor[modelDigest] == _threshold(plan, record)) {
            record.modelDigest = modelDigest;
        }
        emit Attested(studyId, round, msg.sender, modelDigest, tagsRight);
    }

    /// @inheritdoc IRounds
    function accuse(bytes32 studyId, uint32 round, uint8 fault, address party, bytes32 evidence)
        external
        signed
    {
        (Plan storage plan, Record storage record) = _enterInTime(studyId, round, State.Opened);
        uint256 voter = _requireVoter(plan, record, studyId, msg.sender);
        Fault what = _requireFault(plan, voter, fault);
        _requireAccusable(plan, record, studyId, what, party);
        uint72 bit = uint72(1 << voter);
        if (record.accusers & bit != 0) revert AlreadyPosted(studyId, round, msg.sender);
        record.accusers |= bit;
        if (record.voted & bit == 0) record.voted |= bit;
        else --record.votesFor[record.attestations[voter]];
        if (what == Fault.OwnTag) {
            record.disputing |= uint64(bit);
        } else if (++record.accusations[party] == _threshold(plan, record)) {
            record.faulty = party;
        }
        emit Accused(studyId, round, msg.sender, what, party, evidence);
    }

    /// @inheritdoc IRounds
    function finalise(bytes32 studyId, uint32 round) external signed {
        (Plan storage plan, Record storage record) = _enter(studyId, round, State.Opened);
        uint256 voted = record.voted;
        bool settled = voted == _voters(plan, record) && record.accusers == 0;
        if (!settled && !_isLate(record)) {
            revert TooEarly(record.deadline, uint64(block.timestamp));
        }
        uint256 disputing = record.disputing;
        uint256 silent = plan.everySite ? record.accepted & plan.siteBits() & ~voted : 0;
        bytes32 modelDigest = record.modelDigest;
        if (record.faulty != address(0)) {
            _abort(plan, record, studyId, round, Reason.Fault, record.faulty, address(0));
        } else if (disputing != 0) {
            plan.spend(disputing);
            _abort(plan, record, studyId, round, Reason.Accused);
        } else if (silent != 0) {
            plan.spend(silent);
            _abort(plan, record, studyId, round, Reason.Silent);
        } else if (record.votesFor[modelDigest] < _threshold(plan, record)) {
            _abort(plan, record, studyId, round, Reason.Conflict);
        } else {
            ++plan.finals;
            emit Finalised(studyId, round, modelDigest);
            _end(record, studyId, round, State.Final);
        }
    }

    /// @inheritdoc IRounds
    function review(bytes32 studyId, uint32 round, bool tagsRight) external signed {
        Record storage record = _records[studyId][round];
        if (record.state != State.Final) revert WrongState(record.state);
        uint256 number = studies.siteNumber(studyId, msg.sender);
        if (!_isAccepted(record, number)) revert NotSite(studyId, msg.sender);
        uint64 bit = uint64(1 << (number - 1));
        if ((record.checked | record.accusers) & bit != 0) {
            revert AlreadyPosted(studyId, round, msg.sender);
        }
        record.checked |= bit;
        emit Reviewed(studyId, round, msg.sender, tagsRight);
    }

    /// @dev The number of a voter; everybody else is refused.
    function _requireVoter(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        address account
    ) internal view returns (uint256) {
        uint256 number = plan.memberNumber(account);
        if (number != 0) return plan.sites + number - 1;
        number = studies.siteNumber(studyId, account);
        if (!_isAccepted(record, number)) revert NotVoter(studyId, account);
        return number - 1;
    }

    /// @dev Only the site that a report came from can tell that a tag of it is wrong.
    function _requireFault(Plan storage plan, uint256 voter, uint8 fault)
        internal
        view
        returns (Fault)
    {
        bool known = fault != uint8(Fault.None) && fault <= uint8(type(Fault).max);
        if (!known || (fault == uint8(Fault.OwnTag) && voter >= plan.sites)) {
            revert WrongFault(fault);
        }
        return Fault(fault);
    }

    function _requireAccusable(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        Fault fault,
        address party
    ) internal view {
        if (fault == Fault.Accusation) {
            if (party == msg.sender) revert NotVoter(studyId, party);
            _requireVoter(plan, record, studyId, party);
        } else if (plan.memberNumber(party) == 0) {
            revert NotCommittee(studyId, party);
        }
    }

    /// @dev Votes that decide: more than half of all, and more than all members together with as many
    /// sites as the terms assume corrupt. It can be met: the terms have corruptSites < minSites.
    function _threshold(Plan storage plan, Record storage record) internal view returns (uint256) {
        return Math.max(record.voters / 2, uint256(plan.members) + plan.corruptSites) + 1;
    }

    function _voters(Plan storage plan, Record storage record) internal view returns (uint256) {
        return (record.accepted & plan.siteBits()) | (uint256(plan.allMembers()) << plan.sites);
    }

    /// @dev `number` as the study registry gives it: 0 is no site.
    function _isAccepted(Record storage record, uint256 number) internal view returns (bool) {
        return number != 0 && (record.accepted >> (number - 1)) & 1 == 1;
    }
}
