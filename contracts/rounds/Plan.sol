// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {IStudyRegistry} from "../study/IStudyRegistry.sol";
import {Modes} from "../study/Modes.sol";
import {Bits} from "./Bits.sol";

/// @title What the rounds of one study need of its terms, packed, and how far the study is
/// @dev Copied once from the registry, where the terms can never change: every step reads one or two
/// slots here instead of calling another contract. The widths follow the limits of TermsRules.
struct Plan {
    uint32 finals;
    uint32 aborts;
    uint32 rounds;
    uint8 members;
    /// @dev Every share is held by all members but one (modes B3 and B4).
    bool replicated;
    /// @dev Members that a round cannot go on without: all, or in mode B4 three.
    uint8 least;
    uint8 honest;
    uint8 candidates;
    uint8 sites;
    uint8 minSites;
    uint64 minWeight;
    uint8 accusations;
    uint8 corruptSites;
    bool everySite;
    /// @dev Members proven at fault, in committee order.
    uint8 guilty;
    uint32 maxAborts;
    /// @dev Aborts that named nobody, or a pair, since the last resumption.
    uint32 unattributed;
    uint32 resumptions;
    /// @dev Sites that have no accusation left, in terms order.
    uint64 spent;
    /// @dev Seconds, by the state that waits: windows[state - 1], from Announcing to Opened.
    uint32[18] windows;
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

    /// @notice Copies the terms. External, unlike the rest: reading all of them takes much code, once.
    function load(Plan storage plan, IStudyRegistry studies, bytes32 studyId) external {
        IStudyRegistry.OnChainTerms memory terms = studies.termsOf(studyId);
        plan.rounds = terms.rounds;
        plan.maxAborts = terms.maxAborts;
        plan.members = uint8(terms.committee.length);
        plan.replicated = terms.mode != Modes.A;
        plan.least = terms.mode == Modes.B4 ? plan.members - 1 : plan.members;
        plan.honest = terms.honest;
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
            w.openNoise, // Seeded
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
    /// aborted, or too few members are left that were not proven at fault.
    function isOver(Plan storage plan) internal view returns (bool) {
        return plan.finals >= plan.rounds || plan.aborts > plan.maxAborts
            || Bits.count(innocent(plan)) < plan.least;
    }

    /// @notice The members that may take part in a round.
    function innocent(Plan storage plan) internal view returns (uint8) {
        return allMembers(plan) & ~plan.guilty;
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

    /// @notice The lowest two members of a bitmap that is not empty; zero where there is no second.
    function firstTwo(Plan storage plan, uint256 bitmap)
        internal
        view
        returns (address one, address two)
    {
        one = plan.committee[Bits.lowest(bitmap)];
        bitmap &= bitmap - 1;
        if (bitmap != 0) two = plan.committee[Bits.lowest(bitmap)];
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
        return noiseOf(plan, allMembers(plan));
    }

    /// @notice The bits of these members' noise candidates.
    function noiseOf(Plan storage plan, uint256 members) internal view returns (uint128 bitmap) {
        uint256 candidates = plan.candidates;
        uint256 block_ = ((1 << candidates) - 1) << plan.sites;
        for (; members != 0; members >>= 1) {
            if (members & 1 == 1) bitmap |= uint128(block_);
            block_ <<= candidates;
        }
    }

    /// @notice `among` without the noise of every member whose candidates are not all in it: they are
    /// accepted or rejected together, or one could hide behind those that are left out.
    function grouped(Plan storage plan, uint128 among) internal view returns (uint128) {
        return among & ~noiseOf(plan, owners(plan, noiseBits(plan) & ~among));
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
