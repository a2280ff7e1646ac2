// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {IStudyRegistry} from "../study/IStudyRegistry.sol";
import {Bits} from "./Bits.sol";

/// @title What the rounds of one study need of its terms, packed, and how far the study is
/// @dev Copied once from the registry, where the terms can never change: every step reads one or two
/// slots here instead of calling another contract. The widths follow the limits of TermsRules.
struct Plan {
    uint32 finals;
    uint32 aborts;
    uint32 rounds;
    uint32 maxAborts;
    uint8 members;
    uint8 candidates;
    uint8 sites;
    uint8 minSites;
    uint64 minWeight;
    uint8 accusations;
    uint8 corruptSites;
    bool everySite;
    /// @dev Members proven at fault, in committee order.
    uint8 guilty;
    /// @dev Aborts that named nobody, or a pair, since the last resumption.
    uint32 unattributed;
    uint32 resumptions;
    /// @dev Sites that have no accusation left, in terms order.
    uint64 spent;
    /// @dev Seconds, by the state that waits: windows[state - 1], from Announcing to Opened.
    uint32[17] windows;
    address[5] committee;
    uint32[64] weights;
    /// @dev Accusations that each site has used since it was last given them back.
    uint8[64] used;
}

/// @title Reading and filling a plan
/// @dev A bitmap of places runs over the sites in terms order, then over noise candidates by member
/// and candidate: bit n + j·M + c.
library Plans {
    function isLoaded(Plan storage plan) internal view returns (bool) {
        return plan.members != 0;
    }

    function load(Plan storage plan, IStudyRegistry.OnChainTerms memory terms) internal {
        plan.rounds = terms.rounds;
        plan.maxAborts = terms.maxAborts;
        plan.members = uint8(terms.committee.length);
        plan.candidates = terms.noiseCandidates;
        plan.sites = uint8(terms.sites.length);
        plan.minSites = uint8(terms.minSites);
        plan.minWeight = terms.minWeight;
        plan.accusations = terms.accusations;
        plan.corruptSites = terms.corruptSites;
        plan.everySite = terms.everySite;
        IStudyRegistry.Windows memory w = terms.windows;
        plan.windows = [
            w.announce, // Announcing
            w.open, // Announced
            w.report, // Open
            w.deliver, // Closed
            w.answer, // Contested
            w.deliver, // Answered
            w.reveal, // Delivered
            w.commitFile, // Keyed
            w.confirm, // Committed
            w.judge, // Judged
            w.commitSum, // Settled
            w.reveal, // Summed
            w.publish, // Challenged
            w.confirm, // Published
            w.reveal, // Held
            w.openNoise, // Picked
            w.attest // Opened
        ];
        for (uint256 j = 0; j < terms.committee.length; ++j) {
            plan.committee[j] = terms.committee[j];
        }
        for (uint256 i = 0; i < terms.sites.length; ++i) {
            plan.weights[i] = terms.sites[i].weight;
        }
    }

    /// @notice The round that the study is at.
    function currentRound(Plan storage plan) internal view returns (uint32) {
        return plan.finals + plan.aborts + 1;
    }

    /// @notice Whether no further round may be announced, ever: all rounds are final, too many were
    /// aborted, or the committee has a member that was proven at fault.
    function isOver(Plan storage plan) internal view returns (bool) {
        return plan.finals >= plan.rounds || plan.aborts > plan.maxAborts || plan.guilty != 0;
    }

    /// @notice Whether no further round may be announced until the consortium votes to resume.
    function isPaused(Plan storage plan) internal view returns (bool) {
        return plan.unattributed >= plan.accusations;
    }

    /// @notice Each of these sites uses one accusation.
    function spend(Plan storage plan, uint256 sites) internal {
        for (; sites != 0; sites &= sites - 1) {
            uint256 i = Bits.lowest(sites);
            if (++plan.used[i] == plan.accusations) plan.spent |= uint64(1 << i);
        }
    }

    /// @notice Ends a pause, and gives these sites their accusations back.
    function resume(Plan storage plan, uint256 sites) internal {
        plan.unattributed = 0;
        ++plan.resumptions;
        plan.spent &= ~uint64(sites);
        for (; sites != 0; sites &= sites - 1) {
            plan.used[Bits.lowest(sites)] = 0;
        }
    }

    /// @notice 1 + the place of `account` in the committee; 0 when it is not on it.
    function memberNumber(Plan storage plan, address account) internal view returns (uint256) {
        uint256 members = plan.members;
        for (uint256 j = 0; j < members; ++j) {
            if (plan.committee[j] == account) return j + 1;
        }
        return 0;
    }

    /// @notice The committee's bitmap with every member in it.
    function allMembers(Plan storage plan) internal view returns (uint8) {
        return uint8((1 << plan.members) - 1);
    }

    /// @notice The bits of all sites.
    function siteBits(Plan storage plan) internal view returns (uint128) {
        return uint128((1 << plan.sites) - 1);
    }

    /// @notice The bits of every member's noise candidates.
    function noiseBits(Plan storage plan) internal view returns (uint128) {
        uint256 count = uint256(plan.members) * plan.candidates;
        return uint128(((1 << count) - 1) << plan.sites);
    }

    /// @notice The members that own one of the noise candidates in a bitmap of places.
    function owners(Plan storage plan, uint256 among) internal view returns (uint8 bitmap) {
        for (uint256 noise = among >> plan.sites; noise != 0; noise &= noise - 1) {
            bitmap |= uint8(1 << (Bits.lowest(noise) / plan.candidates));
        }
    }

    /// @notice Number of places: sites and noise candidates.
    function places(Plan storage plan) internal view returns (uint256) {
        return plan.sites + uint256(plan.members) * plan.candidates;
    }

    /// @notice Whether the sites in `bitmap` meet the quorum by number and by weight.
    function meetsQuorum(Plan storage plan, uint256 bitmap) internal view returns (bool) {
        uint256 sites = plan.sites;
        uint256 count;
        uint256 weight;
        for (uint256 i = 0; i < sites; ++i) {
            if ((bitmap >> i) & 1 == 0) continue;
            ++count;
            weight += plan.weights[i];
        }
        return count >= plan.minSites && weight >= plan.minWeight;
    }
}
