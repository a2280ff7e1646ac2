// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Price} from "../privacy/Price.sol";
import {IStudyRegistry} from "./IStudyRegistry.sol";

/// @title What the integers of a study must satisfy, whoever the parties are
/// @dev Reverts with TermsInvalid(field). Trap: the upper limits are those of the bitmaps and of the
/// packed storage in Rounds; raise them there first.
library TermsRules {
    uint256 internal constant MIN_MEMBERS = 2;
    uint256 internal constant MAX_MEMBERS = 5;
    uint256 internal constant MAX_SITES = 64;
    /// @dev σ_h >= 2: below it a sum of discrete Gaussians is too far from one (see Price).
    uint256 internal constant MIN_VARIANCE = 4;

    function check(bytes32 termsDigest, IStudyRegistry.OnChainTerms calldata terms) internal pure {
        uint256 members = terms.committee.length;
        uint256 sites = terms.sites.length;
        _require(termsDigest != 0, "termsDigest");
        _require(terms.mode == 0, "mode");
        _require(members >= MIN_MEMBERS && members <= MAX_MEMBERS, "committee");
        _require(terms.honest >= 1 && terms.honest < members, "honest");
        _require(terms.noiseCandidates == 1, "noiseCandidates");
        _require(terms.rounds >= 1, "rounds");
        _require(sites >= 1 && sites <= MAX_SITES, "sites");
        _require(terms.minSites >= 1 && terms.minSites <= sites, "minSites");
        _require(terms.clip >= 1, "clip");
        _require(terms.noiseVariance >= MIN_VARIANCE, "noiseVariance");
        _checkWindows(terms.windows);
        _checkWeights(terms);
    }

    function _checkWindows(IStudyRegistry.Windows calldata windows) private pure {
        _require(windows.announce >= 1, "windows.announce");
        _require(windows.open >= 1, "windows.open");
        _require(windows.report >= 1, "windows.report");
        _require(windows.deliver >= 1, "windows.deliver");
        _require(windows.reveal >= 1, "windows.reveal");
        _require(windows.commitFile >= 1, "windows.commitFile");
        _require(windows.confirmFiles >= 1, "windows.confirmFiles");
        _require(windows.judge >= 1, "windows.judge");
        _require(windows.commitSum >= 1, "windows.commitSum");
        _require(windows.publish >= 1, "windows.publish");
        _require(windows.attest >= 1, "windows.attest");
    }

    function _checkWeights(IStudyRegistry.OnChainTerms calldata terms) private pure {
        uint256 total;
        for (uint256 i = 0; i < terms.sites.length; ++i) {
            uint32 weight = terms.sites[i].weight;
            _require(weight >= 1, "sites.weight");
            total += weight;
            uint256 price = Price.nanoRho(weight, terms.clip, terms.honest, terms.noiseVariance);
            _require(price <= type(uint64).max, "price");
        }
        _require(terms.minWeight >= 1 && terms.minWeight <= total, "minWeight");
    }

    function _require(bool holds, bytes32 field) private pure {
        if (!holds) revert IStudyRegistry.TermsInvalid(field);
    }
}
