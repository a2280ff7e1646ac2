// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Price} from "../privacy/Price.sol";
import {IStudyRegistry} from "./IStudyRegistry.sol";
import {Modes} from "./Modes.sol";

/// @title What the integers of a study must satisfy, whoever the parties are
/// @dev Reverts with TermsInvalid(field). Trap: the upper limits are those of the bitmaps and of the
/// packed storage in Rounds; raise them there first.
library TermsRules {
    uint256 internal constant MIN_MEMBERS = 2;
    uint256 internal constant MAX_MEMBERS = 5;
    uint256 internal constant MAX_SITES = 64;
    /// @dev σ_h >= 2: below it a sum of discrete Gaussians is too far from one (see Price).
    uint256 internal constant MIN_VARIANCE = 4;
    /// @dev No party can be made to wait longer for a step, nor a budget be held longer by it.
    uint256 internal constant MAX_WINDOW = 30 days;
    uint256 internal constant MAX_ROUNDS = 10 ** 6;
    uint256 internal constant MAX_ABORTS = 10 ** 4;

    function check(bytes32 termsDigest, IStudyRegistry.OnChainTerms calldata terms) internal pure {
        uint256 members = terms.committee.length;
        uint256 sites = terms.sites.length;
        _require(termsDigest != 0, "termsDigest");
        _require(terms.mode <= Modes.B4, "mode");
        _require(_isCommittee(terms.mode, members), "committee");
        _require(terms.honest >= 1 && terms.honest <= _mostHonest(terms.mode, members), "honest");
        _require(_isCandidates(terms.noiseCandidates), "noiseCandidates");
        _require(terms.accusations >= 1, "accusations");
        _require(terms.rounds >= 1 && terms.rounds <= MAX_ROUNDS, "rounds");
        _require(terms.maxAborts <= MAX_ABORTS, "maxAborts");
        _require(sites >= 1 && sites <= MAX_SITES, "sites");
        _require(terms.minSites >= 1 && terms.minSites <= sites, "minSites");
        _require(terms.corruptSites + _spare(terms.mode) <= terms.minSites, "corruptSites");
        _require(terms.clip >= 1, "clip");
        _require(terms.noiseVariance >= MIN_VARIANCE, "noiseVariance");
        _checkWindows(terms.windows);
        _checkWeights(terms);
    }

    /// @dev Honest sites beyond those assumed corrupt that a quorum must hold, so that rounds can end: in
    /// B4 one more, since a member may be missing among the voters.
    function _spare(uint8 mode) private pure returns (uint256) {
        return mode == Modes.B4 ? 2 : 1;
    }

    function _checkWindows(IStudyRegistry.Windows calldata windows) private pure {
        _checkWindow(windows.announce, "windows.announce");
        _checkWindow(windows.open, "windows.open");
        _checkWindow(windows.report, "windows.report");
        _checkWindow(windows.deliver, "windows.deliver");
        _checkWindow(windows.answer, "windows.answer");
        _checkWindow(windows.reveal, "windows.reveal");
        _checkWindow(windows.commitFile, "windows.commitFile");
        _checkWindow(windows.confirm, "windows.confirm");
        _checkWindow(windows.judge, "windows.judge");
        _checkWindow(windows.commitSum, "windows.commitSum");
        _checkWindow(windows.publish, "windows.publish");
        _checkWindow(windows.openNoise, "windows.openNoise");
        _checkWindow(windows.attest, "windows.attest");
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

    function _isCommittee(uint8 mode, uint256 members) private pure returns (bool) {
        if (mode == Modes.A) return members >= MIN_MEMBERS && members <= MAX_MEMBERS;
        return members == (mode == Modes.B3 ? 3 : 4);
    }

    /// @dev A member knows its own noise: what the claim rests on is the noise of others. Replicated
    /// shares hide nothing from two members together, so the claim never needs more than two.
    function _mostHonest(uint8 mode, uint256 members) private pure returns (uint256) {
        return mode == Modes.A ? members - 1 : 2;
    }

    /// @dev A power of two: the pick is an unbiased remainder.
    function _isCandidates(uint8 candidates) private pure returns (bool) {
        return candidates == 2 || candidates == 4 || candidates == 8;
    }

    function _checkWindow(uint32 window, bytes32 field) private pure {
        _require(window >= 1 && window <= MAX_WINDOW, field);
    }

    function _require(bool holds, bytes32 field) private pure {
        if (!holds) revert IStudyRegistry.TermsInvalid(field);
    }
}
