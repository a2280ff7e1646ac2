// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IStudyRegistry} from "../study/IStudyRegistry.sol";
import {IRounds} from "./IRounds.sol";
import {Plan, Plans} from "./Plan.sol";
import {Record} from "./Record.sol";

/// @title The last step: what members and sites say about what was opened, and what comes of it
/// @dev Voters are the accepted sites and the members, live or not. A voter's number is its place in
/// the terms: the sites' order, then the committee's. Rounds enters the step, then comes here.
/// Trap: a voter attests once and accuses once, and an accusation takes its attestation back. So each
/// voter stands behind one model digest or one accusation at most, and with a threshold above N/2 only
/// one digest, and one accusation, can ever reach it.
library Ballots {
    using Plans for Plan;

    /// @notice See IRounds.attest.
    function attest(
        Plan storage plan,
        Record storage record,
        IStudyRegistry studies,
        bytes32 studyId,
        uint32 round,
        bytes32 modelDigest,
        bool tagsRight
    ) external {
        uint256 voter = _requireVoter(plan, record, studies, studyId, msg.sender);
        uint72 bit = uint72(1 << voter);
        if (record.voted & bit != 0) revert IRounds.AlreadyPosted(studyId, round, msg.sender);
        if (modelDigest == 0) revert IRounds.ZeroDigest();
        record.voted |= bit;
        if (tagsRight && voter < plan.sites) record.checked |= uint64(bit);
        record.attestations[voter] = modelDigest;
        if (++record.votesFor[modelDigest] == _threshold(plan, record)) {
            record.modelDigest = modelDigest;
        }
        emit IRounds.Attested(studyId, round, msg.sender, modelDigest, tagsRight);
    }

    /// @notice See IRounds.accuse.
    function accuse(
        Plan storage plan,
        Record storage record,
        IStudyRegistry studies,
        bytes32 studyId,
        uint32 round,
        uint8 fault,
        address party,
        bytes32 evidence
    ) external {
        uint256 voter = _requireVoter(plan, record, studies, studyId, msg.sender);
        IRounds.Fault what = _requireFault(plan, voter, fault);
        _requireAccusable(plan, record, studies, studyId, what, party);
        uint72 bit = uint72(1 << voter);
        if (record.accusers & bit != 0) revert IRounds.AlreadyPosted(studyId, round, msg.sender);
        record.accusers |= bit;
        if (record.voted & bit == 0) record.voted |= bit;
        else --record.votesFor[record.attestations[voter]];
        if (what == IRounds.Fault.OwnTag) {
            record.disputing |= uint64(bit);
        } else if (++record.accusations[party] == _threshold(plan, record)) {
            record.faulty = party;
        }
        emit IRounds.Accused(studyId, round, msg.sender, what, party, evidence);
    }

    /// @notice How the round ends: Final where there is no reason, else Aborted. The sites whose word
    /// aborts it use an accusation each.
    /// @return reason Of the abort, or None.
    /// @return party Whom it proves at fault, or zero.
    function finalise(Plan storage plan, Record storage record)
        external
        returns (IRounds.Reason reason, address party)
    {
        uint256 voted = record.voted;
        bool settled = _awaited(plan, record) & ~voted == 0 && record.accusers == 0;
        if (!settled && block.timestamp <= record.deadline) {
            revert IRounds.TooEarly(record.deadline, uint64(block.timestamp));
        }
        uint256 disputing = record.disputing;
        uint256 silent = plan.everySite ? record.accepted & plan.siteBits() & ~voted : 0;
        if (record.faulty != address(0)) return (IRounds.Reason.Fault, record.faulty);
        if (disputing != 0) {
            plan.spend(disputing);
            return (IRounds.Reason.Accused, address(0));
        }
        if (silent != 0) {
            plan.spend(silent);
            return (IRounds.Reason.Silent, address(0));
        }
        if (record.votesFor[record.modelDigest] < _threshold(plan, record)) {
            return (IRounds.Reason.Conflict, address(0));
        }
    }

    /// @notice See IRounds.review.
    function review(
        Record storage record,
        IStudyRegistry studies,
        bytes32 studyId,
        uint32 round,
        bool tagsRight
    ) external {
        uint256 number = studies.siteNumber(studyId, msg.sender);
        if (!_isAccepted(record, number)) revert IRounds.NotSite(studyId, msg.sender);
        uint64 bit = uint64(1 << (number - 1));
        if ((record.checked | record.accusers) & bit != 0) {
            revert IRounds.AlreadyPosted(studyId, round, msg.sender);
        }
        record.checked |= bit;
        emit IRounds.Reviewed(studyId, round, msg.sender, tagsRight);
    }

    /// @dev The number of a voter; everybody else is refused.
    function _requireVoter(
        Plan storage plan,
        Record storage record,
        IStudyRegistry studies,
        bytes32 studyId,
        address account
    ) private view returns (uint256) {
        uint256 number = plan.memberNumber(account);
        if (number != 0) return plan.sites + number - 1;
        number = studies.siteNumber(studyId, account);
        if (!_isAccepted(record, number)) revert IRounds.NotVoter(studyId, account);
        return number - 1;
    }

    /// @dev Only the site that a report came from can tell that a tag of it is wrong. Where shares are
    /// replicated there are neither publications nor tags.
    function _requireFault(Plan storage plan, uint256 voter, uint8 fault)
        private
        view
        returns (IRounds.Fault what)
    {
        if (fault > uint8(type(IRounds.Fault).max)) revert IRounds.WrongFault(fault);
        what = IRounds.Fault(fault);
        bool known = what != IRounds.Fault.None
            && (what != IRounds.Fault.OwnTag || voter < plan.sites);
        if (plan.replicated) {
            known = what == IRounds.Fault.Opening || what == IRounds.Fault.Verification
                || what == IRounds.Fault.Accusation;
        }
        if (!known) revert IRounds.WrongFault(fault);
    }

    function _requireAccusable(
        Plan storage plan,
        Record storage record,
        IStudyRegistry studies,
        bytes32 studyId,
        IRounds.Fault fault,
        address party
    ) private view {
        if (fault == IRounds.Fault.Accusation) {
            if (party == msg.sender) revert IRounds.NotVoter(studyId, party);
            _requireVoter(plan, record, studies, studyId, party);
        } else if (plan.memberNumber(party) == 0) {
            revert IRounds.NotCommittee(studyId, party);
        }
    }

    /// @dev Votes that decide: more than half of all, and more than all members together with as many
    /// sites as the terms assume corrupt. It can be met: the terms have corruptSites < minSites.
    function _threshold(Plan storage plan, Record storage record) private view returns (uint256) {
        return Math.max(record.voters / 2, uint256(plan.members) + plan.corruptSites) + 1;
    }

    /// @dev Whose votes are waited for. Members that left may vote, but need not.
    function _awaited(Plan storage plan, Record storage record) private view returns (uint256) {
        return (record.accepted & plan.siteBits()) | (uint256(record.live) << plan.sites);
    }

    /// @dev `number` as the study registry gives it: 0 is no site.
    function _isAccepted(Record storage record, uint256 number) private view returns (bool) {
        return number != 0 && (record.accepted >> (number - 1)) & 1 == 1;
    }
}
