// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Motions} from "../consortium/Motions.sol";
import {IRounds} from "./IRounds.sol";
import {Plan, Plans} from "./Plan.sol";
import {RoundMachine} from "./RoundMachine.sol";

/// @title The vote that ends a study's pause
abstract contract Resumption is RoundMachine {
    using Motions for Motions.Box;
    using Plans for Plan;

    bytes32 private constant RESUME_TYPEHASH = keccak256("troth/resume/v1");

    Motions.Box private _resumptions;

    /// @inheritdoc IRounds
    /// @dev The motion binds the epoch of the membership, the resumptions and the aborts so far. Trap:
    /// without the aborts a vote given in good times would forgive what nobody had seen yet.
    function resume(bytes32 studyId, uint256 restored) external signed {
        if (!consortium.isMember(msg.sender)) revert NotMember(msg.sender);
        Plan storage plan = _plans[studyId];
        if (!plan.isLoaded()) revert UnknownStudy(studyId);
        uint256 sites = plan.siteBits();
        if (restored & ~sites != 0) revert WrongBitmap(sites, restored);
        bytes32 motion = _motion(plan, studyId, restored);
        uint32 votes = _resumptions.cast(motion, msg.sender);
        if (votes == 0) revert AlreadyVoted(motion, msg.sender);
        uint32 needed = consortium.quorum();
        emit ResumeVoted(studyId, msg.sender, restored, votes, needed);
        if (votes >= needed) {
            plan.resume(restored);
            emit Resumed(studyId, plan.resumptions, restored);
        }
    }

    function _motion(Plan storage plan, bytes32 studyId, uint256 restored)
        internal
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                RESUME_TYPEHASH,
                block.chainid,
                address(this),
                studyId,
                plan.resumptions,
                plan.aborts,
                restored,
                consortium.epoch()
            )
        );
    }
}
