// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {IStudyRegistry} from "../study/IStudyRegistry.sol";

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
    /// @dev Seconds, by the state that waits: windows[state - 1], from Announcing to Published.
    uint32[11] windows;
    address[5] committee;
    uint32[64] weights;
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
        IStudyRegistry.Windows memory w = terms.windows;
        plan.windows = [
            w.announce,
            w.open,
            w.report,
            w.deliver,
            w.reveal,
            w.commitFile,
            w.confirmFiles,
            w.judge,
            w.commitSum,
            w.publish,
            w.attest
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

    /// @notice Whether no further round may be announced.
    function isOver(Plan storage plan) internal view returns (bool) {
        return plan.finals >= plan.rounds || plan.aborts > plan.maxAborts;
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
