// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {IConsortium} from "../consortium/IConsortium.sol";
import {Roles} from "../consortium/Roles.sol";
import {IPrivacyLedger} from "../privacy/IPrivacyLedger.sol";
import {References} from "../References.sol";
import {Signed} from "../Signed.sol";
import {IStudyRegistry} from "../study/IStudyRegistry.sol";
import {Bits} from "./Bits.sol";
import {IRounds} from "./IRounds.sol";
import {Plan, Plans} from "./Plan.sol";

/// @title How a round moves: its storage, entering a step, posting, advancing, aborting, expiring
/// @dev The steps themselves are in Rounds; a further step is a further function there and a further
/// state. Trap: `Moved` is the last event of the transaction that moves a round, after whatever the
/// privacy ledger says about it.
abstract contract RoundMachine is IRounds, Signed {
    using Plans for Plan;

    struct Record {
        State state;
        uint64 deadline;
        /// @dev Members that have done what the present state waits for.
        uint8 posted;
        /// @dev Contested: owners of denied noise. Aborted: owners of rejected noise. Else empty.
        uint8 owing;
        /// @dev A verdict says something else than an earlier one.
        bool differs;
        /// @dev See Service: who complains of whose blob.
        uint40 complaints;
        uint64 enrolled;
        uint128 present;
        uint128 delivered;
        uint128 accepted;
        /// @dev N: members and accepted sites.
        uint8 voters;
        /// @dev Sites whose word about their own tags is final.
        uint64 checked;
        /// @dev Voters (see Ballots for their order) that attested or accused; that accused.
        uint72 voted;
        uint72 accusers;
        /// @dev Accepted sites that say that their own tags are wrong.
        uint64 disputing;
        /// @dev See Denials: who could not open whose noise.
        uint256 denials;
        bytes32 headsDigest;
        bytes32 transcript;
        /// @dev keccak256 of the codes that the first member posted.
        bytes32 verdict;
        /// @dev The digest that reached the threshold. Trap: voters may take their votes back.
        bytes32 modelDigest;
        /// @dev Of whom enough voters say the same fault.
        address faulty;
        /// @dev The key chain's last value that is known: the head, then what was revealed.
        bytes32[5] keyHeads;
        bytes32[5] hpkeKeyDigests;
        /// @dev One slot per site, then one per member for its list of noise envelopes.
        mapping(uint256 reporter => bytes32) digests;
        mapping(uint256 voter => bytes32 modelDigest) attestations;
        mapping(bytes32 modelDigest => uint8) votesFor;
        mapping(address party => uint8) accusations;
    }

    IConsortium public immutable consortium;
    IStudyRegistry public immutable studies;
    IPrivacyLedger public immutable privacy;

    mapping(bytes32 studyId => Plan) internal _plans;
    mapping(bytes32 studyId => mapping(uint32 round => Record)) internal _records;

    constructor(address consortium_, address studies_, address privacy_) {
        consortium = IConsortium(References.checked(consortium_));
        studies = IStudyRegistry(References.checked(studies_));
        privacy = IPrivacyLedger(References.checked(privacy_));
    }

    /// @inheritdoc IRounds
    function expire(bytes32 studyId, uint32 round) external signed {
        (Plan storage plan, Record storage record) = _current(studyId, round);
        State state = record.state;
        if (!_timesOut(state)) revert WrongState(state);
        if (!_isLate(record)) revert TooEarly(record.deadline, uint64(block.timestamp));
        if (state == State.Announced) {
            _abort(plan, record, studyId, round, Reason.NotOpened);
            return;
        }
        address missing = _firstMissing(plan, record.posted);
        if (state == State.Announcing && (!studies.isActive(studyId) || !_aggregates(missing))) {
            _abort(plan, record, studyId, round, Reason.Revoked);
        } else {
            _abort(plan, record, studyId, round, Reason.Withheld, missing, address(0));
        }
    }

    /// @inheritdoc IRounds
    function currentRound(bytes32 studyId) public view returns (uint32) {
        return _plans[studyId].currentRound();
    }

    /// @inheritdoc IRounds
    function progressOf(bytes32 studyId)
        public
        view
        returns (
            uint32 finals,
            uint32 aborts,
            uint32 unattributed,
            uint32 resumptions,
            uint8 guilty,
            uint64 spent
        )
    {
        Plan storage plan = _plans[studyId];
        finals = plan.finals;
        aborts = plan.aborts;
        unattributed = plan.unattributed;
        resumptions = plan.resumptions;
        guilty = plan.guilty;
        spent = plan.spent;
    }

    /// @inheritdoc IRounds
    function roundOf(bytes32 studyId, uint32 round) public view returns (Round memory) {
        Record storage record = _records[studyId][round];
        return Round({
            state: record.state,
            deadline: record.deadline,
            headsDigest: record.headsDigest,
            transcript: record.transcript,
            enrolled: record.enrolled,
            present: record.present,
            delivered: record.delivered,
            accepted: record.accepted,
            modelDigest: record.state == State.Final ? record.modelDigest : bytes32(0)
        });
    }

    /// @dev Of two states that wait for the same action: the one that the round is in, or any of them.
    function _oneOf(bytes32 studyId, uint32 round, State one, State other)
        internal
        view
        returns (State)
    {
        return _records[studyId][round].state == other ? other : one;
    }

    /// @dev The caller, a committee member, does what `state` waits for, in time and once.
    /// `j` is its place in the committee; `last` says that nobody is missing now.
    function _post(bytes32 studyId, uint32 round, State state)
        internal
        returns (Plan storage plan, Record storage record, uint256 j, bool last)
    {
        (plan, record) = _enterInTime(studyId, round, state);
        j = _requireCommittee(plan, studyId);
        last = _markPosted(plan, record, studyId, round, j);
    }

    function _markPosted(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round,
        uint256 j
    ) internal returns (bool last) {
        uint8 before = record.posted;
        uint8 posted = before | uint8(1 << j);
        if (posted == before) revert AlreadyPosted(studyId, round, msg.sender);
        record.posted = posted;
        return posted == plan.allMembers();
    }

    /// @dev To the state that comes next in the table.
    function _advance(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
        internal
    {
        _advance(plan, record, studyId, round, State(uint8(record.state) + 1));
    }

    /// @dev To a state that waits for something, with its window.
    function _advance(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round,
        State to
    ) internal {
        uint64 deadline = uint64(block.timestamp) + plan.windows[uint8(to) - 1];
        record.state = to;
        record.deadline = deadline;
        record.posted = 0;
        record.owing = 0;
        record.complaints = 0;
        emit Moved(studyId, round, to, deadline);
    }

    /// @dev To Final or Aborted, for ever.
    function _end(Record storage record, bytes32 studyId, uint32 round, State to) internal {
        record.state = to;
        record.deadline = 0;
        record.posted = 0;
        record.owing = 0;
        emit Moved(studyId, round, to, 0);
    }

    /// @dev To Aborted, naming nobody.
    function _abort(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round,
        Reason reason
    ) internal {
        _abort(plan, record, studyId, round, reason, address(0), address(0));
    }

    /// @dev Trap: a reservation exists from Open on and is settled on the way to Settled. Only in
    /// between is it given back.
    function _abort(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round,
        Reason reason,
        address party,
        address other
    ) internal {
        State state = record.state;
        ++plan.aborts;
        if (_isUnattributed(reason)) ++plan.unattributed;
        if (_provesGuilt(reason, state)) plan.guilty |= _memberBit(plan, party);
        if (state >= State.Open && state < State.Settled) {
            (bytes32[] memory lineages, uint64[] memory nanoRho) =
                studies.chargesOf(studyId, record.enrolled);
            privacy.release(studyId, round, lineages, nanoRho);
        }
        emit RoundAborted(studyId, round, reason, state, party, other);
        _end(record, studyId, round, State.Aborted);
    }

    /// @dev Every action comes through here first: is it the study's round, and has the table a row
    /// for the action in the round's state?
    function _enter(bytes32 studyId, uint32 round, State state)
        internal
        view
        returns (Plan storage plan, Record storage record)
    {
        (plan, record) = _current(studyId, round);
        if (record.state != state) revert WrongState(record.state);
    }

    function _enterInTime(bytes32 studyId, uint32 round, State state)
        internal
        view
        returns (Plan storage plan, Record storage record)
    {
        (plan, record) = _enter(studyId, round, state);
        _requireInTime(record);
    }

    function _current(bytes32 studyId, uint32 round)
        internal
        view
        returns (Plan storage plan, Record storage record)
    {
        plan = _plans[studyId];
        uint32 current = plan.currentRound();
        if (round != current) revert WrongRound(studyId, round, current);
        record = _records[studyId][round];
    }

    function _requireInTime(Record storage record) internal view {
        if (_isLate(record)) revert TooLate(record.deadline, uint64(block.timestamp));
    }

    function _isLate(Record storage record) internal view returns (bool) {
        return block.timestamp > record.deadline;
    }

    function _requireCommittee(Plan storage plan, bytes32 studyId)
        internal
        view
        returns (uint256 j)
    {
        uint256 number = plan.memberNumber(msg.sender);
        if (number == 0) revert NotCommittee(studyId, msg.sender);
        return number - 1;
    }

    /// @dev The first member in committee order that is not in `posted`.
    function _firstMissing(Plan storage plan, uint256 posted) internal view returns (address) {
        return plan.committee[Bits.lowest(~posted)];
    }

    function _requireAggregator(address account) internal view {
        if (!_aggregates(account)) revert NotAggregator(account);
    }

    function _aggregates(address account) internal view returns (bool) {
        return consortium.rolesOf(account) & Roles.AGGREGATOR != 0;
    }

    /// @dev No bit for a party that is not on the committee.
    function _memberBit(Plan storage plan, address party) internal view returns (uint8) {
        return uint8((1 << plan.memberNumber(party)) >> 1);
    }

    /// @dev Open and Opened end by `close` and `finalise`, late or not.
    function _timesOut(State state) internal pure returns (bool) {
        return state != State.Absent && state != State.Open && state < State.Opened;
    }

    /// @dev Whether an abort counts for the pause: it cost a round, and nobody is proven to blame. That
    /// others could not fetch a member's blob is their word, so it counts even where it names the member.
    /// Trap: rests on the order of Reason.
    function _isUnattributed(Reason reason) internal pure returns (bool) {
        return reason >= Reason.Noise && reason != Reason.Fault;
    }

    /// @dev Once the pick is fixed, or known, silence costs what proven fraud costs: it could be
    /// nothing but the way out of a bad pick.
    function _provesGuilt(Reason reason, State state) internal pure returns (bool) {
        return reason == Reason.Fault || state == State.Held || state == State.Picked;
    }
}
