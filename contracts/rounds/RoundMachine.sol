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
import {Live} from "./Live.sol";
import {Plan, Plans} from "./Plan.sol";
import {Record} from "./Record.sol";

/// @title How a round moves: its storage, entering a step, posting, advancing, aborting, expiring
/// @dev The steps themselves are in Rounds; a further step is a further function there and a further
/// state. Trap: `Moved` is the last event of the transaction that moves a round, after whatever the
/// privacy ledger says about it.
abstract contract RoundMachine is IRounds, Signed {
    using Live for Plan;
    using Plans for Plan;

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
        uint256 missing = record.live & ~record.posted;
        address first = plan.committee[Bits.lowest(missing)];
        if (state == State.Announcing && (!studies.isActive(studyId) || !_aggregates(first))) {
            _abort(plan, record, studyId, round, Reason.Revoked);
        } else if (plan.drop(record, studyId, round, missing, Reason.Withheld)) {
            if (_provesGuilt(Reason.Withheld, state)) plan.guilty |= uint8(missing);
            _complete(plan, record, studyId, round);
        } else {
            _abort(plan, record, studyId, round, Reason.Withheld, first, address(0));
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
            live: record.live,
            recovered: record.recovered,
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

    /// @dev Every live member has done what the round's state waits for, or nobody is left who has not:
    /// what the table says of the row.
    function _complete(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
        internal
        virtual;

    /// @dev The caller, a live member, does what `state` waits for, in time and once.
    /// `j` is its place in the committee; `last` says that nobody is missing now.
    function _post(bytes32 studyId, uint32 round, State state)
        internal
        returns (Plan storage plan, Record storage record, uint256 j, bool last)
    {
        (plan, record) = _enterInTime(studyId, round, state);
        j = _requireCommittee(plan, studyId);
        _requireLive(record, studyId, round, j);
        last = _markPosted(record, studyId, round, j);
    }

    function _markPosted(Record storage record, bytes32 studyId, uint32 round, uint256 j)
        internal
        returns (bool last)
    {
        uint8 before = record.posted;
        uint8 posted = before | uint8(1 << j);
        if (posted == before) revert AlreadyPosted(studyId, round, msg.sender);
        record.posted = posted;
        return record.live & ~posted == 0;
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

    function _requireLive(Record storage record, bytes32 studyId, uint32 round, uint256 j)
        internal
        view
    {
        if ((record.live >> j) & 1 == 0) revert NotLive(studyId, round, msg.sender);
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
        return reason == Reason.Fault || (reason == Reason.Withheld && state >= State.Held);
    }
}
