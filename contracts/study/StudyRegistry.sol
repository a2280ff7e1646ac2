// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {Calldata} from "../Calldata.sol";
import {IConsortium} from "../consortium/IConsortium.sol";
import {Roles} from "../consortium/Roles.sol";
import {IDatasetRegistry} from "../datasets/IDatasetRegistry.sol";
import {Price} from "../privacy/Price.sol";
import {References} from "../References.sol";
import {Signed} from "../Signed.sol";
import {IStudyRegistry} from "./IStudyRegistry.sol";
import {TermsRules} from "./TermsRules.sol";

/// @title The register of studies
contract StudyRegistry is IStudyRegistry, Signed {
    using EnumerableSet for EnumerableSet.AddressSet;

    bytes32 private constant STUDY_TYPEHASH = keccak256("troth/study/v1");

    IConsortium public immutable consortium;
    IDatasetRegistry public immutable datasets;

    mapping(bytes32 studyId => OnChainTerms) private _terms;
    mapping(bytes32 studyId => mapping(address account => uint256)) private _siteNumbers;
    mapping(bytes32 studyId => EnumerableSet.AddressSet) private _approvers;
    /// @dev 1 + the epoch of the membership in which the study became active; 0 while it has not.
    /// Approvals are never withdrawn, so within one epoch an active study stays active: a round need
    /// not count the approvals again until somebody joins or leaves.
    mapping(bytes32 studyId => uint64) private _activeIn;

    constructor(address consortium_, address datasets_) {
        consortium = IConsortium(References.checked(consortium_));
        datasets = IDatasetRegistry(References.checked(datasets_));
    }

    /// @inheritdoc IStudyRegistry
    function propose(bytes32 termsDigest, OnChainTerms calldata terms)
        external
        signed
        returns (bytes32 studyId)
    {
        Calldata.requireCanonical(abi.encode(termsDigest, terms));
        _requireMember(msg.sender);
        studyId = studyIdOf(termsDigest, terms);
        if (exists(studyId)) revert StudyExists(studyId);
        TermsRules.check(termsDigest, terms);
        _checkSites(studyId, terms.sites);
        _checkCommittee(studyId, terms.committee);
        _terms[studyId] = terms;
        emit StudyProposed(studyId, termsDigest, msg.sender);
    }

    /// @inheritdoc IStudyRegistry
    function approve(bytes32 studyId) external signed {
        _requireMember(msg.sender);
        if (!exists(studyId)) revert UnknownStudy(studyId);
        bool wasActive = isActive(studyId);
        if (!_approvers[studyId].add(msg.sender)) revert AlreadyApproved(studyId, msg.sender);
        emit StudyApproved(studyId, msg.sender);
        if (!wasActive && isActive(studyId)) {
            _activeIn[studyId] = uint64(consortium.epoch()) + 1;
            emit StudyActivated(studyId);
        }
    }

    /// @inheritdoc IStudyRegistry
    function isActive(bytes32 studyId) public view returns (bool) {
        if (_activeIn[studyId] == uint64(consortium.epoch()) + 1) return true;
        return exists(studyId) && _allSitesApprove(studyId) && _quorumApproves(studyId);
    }

    /// @inheritdoc IStudyRegistry
    function exists(bytes32 studyId) public view returns (bool) {
        return _terms[studyId].rounds != 0;
    }

    /// @inheritdoc IStudyRegistry
    function studyIdOf(bytes32 termsDigest, OnChainTerms calldata terms)
        public
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(STUDY_TYPEHASH, block.chainid, address(this), termsDigest, terms)
        );
    }

    /// @inheritdoc IStudyRegistry
    function termsOf(bytes32 studyId) public view returns (OnChainTerms memory) {
        return _terms[studyId];
    }

    /// @inheritdoc IStudyRegistry
    function siteNumber(bytes32 studyId, address account) public view returns (uint256) {
        return _siteNumbers[studyId][account];
    }

    /// @inheritdoc IStudyRegistry
    function committeeNumber(bytes32 studyId, address account) public view returns (uint256) {
        address[] storage committee = _terms[studyId].committee;
        for (uint256 j = 0; j < committee.length; ++j) {
            if (committee[j] == account) return j + 1;
        }
        return 0;
    }

    /// @inheritdoc IStudyRegistry
    function namesVersion(bytes32 studyId, bytes32 version) public view returns (bool) {
        Site[] storage sites = _terms[studyId].sites;
        for (uint256 i = 0; i < sites.length; ++i) {
            if (sites[i].version == version) return true;
        }
        return false;
    }

    /// @inheritdoc IStudyRegistry
    function priceOf(bytes32 studyId, uint256 index) public view returns (uint64 nanoRho) {
        OnChainTerms storage terms = _terms[studyId];
        return SafeCast.toUint64(
            Price.nanoRho(
                terms.sites[index].weight, terms.clip, terms.honest, terms.noiseVariance
            )
        );
    }

    /// @inheritdoc IStudyRegistry
    function enrolledSites(bytes32 studyId) public view returns (uint256 enrolled) {
        Site[] storage sites = _terms[studyId].sites;
        uint256 count = sites.length;
        for (uint256 i = 0; i < count; ++i) {
            if (consortium.rolesOf(sites[i].account) & Roles.SITE == 0) continue;
            if (datasets.isGranted(sites[i].version, studyId)) enrolled |= 1 << i;
        }
    }

    /// @inheritdoc IStudyRegistry
    function chargesOf(bytes32 studyId, uint256 sites)
        public
        view
        returns (bytes32[] memory lineages, uint64[] memory nanoRho)
    {
        Site[] storage all = _terms[studyId].sites;
        uint256 total = all.length;
        uint256 count;
        for (uint256 i = 0; i < total; ++i) {
            count += (sites >> i) & 1;
        }
        lineages = new bytes32[](count);
        nanoRho = new uint64[](count);
        uint256 next;
        for (uint256 i = 0; i < total; ++i) {
            if ((sites >> i) & 1 == 0) continue;
            lineages[next] = all[i].lineage;
            nanoRho[next++] = priceOf(studyId, i);
        }
    }

    /// @dev Numbers the sites while it checks them: a number that is there already is a duplicate.
    function _checkSites(bytes32 studyId, Site[] calldata sites) internal {
        for (uint256 i = 0; i < sites.length; ++i) {
            Site calldata site = sites[i];
            if (_siteNumbers[studyId][site.account] != 0) {
                revert DuplicateParty(bytes32(uint256(uint160(site.account))));
            }
            _siteNumbers[studyId][site.account] = i + 1;
            if (consortium.rolesOf(site.account) & Roles.SITE == 0) revert NotSite(site.account);
            for (uint256 other = 0; other < i; ++other) {
                if (sites[other].version == site.version) revert DuplicateParty(site.version);
                if (sites[other].lineage == site.lineage) revert DuplicateParty(site.lineage);
            }
            IDatasetRegistry.Version memory version = datasets.versionOf(site.version);
            if (version.holder != site.account || version.lineage != site.lineage) {
                revert VersionMismatch(site.version, site.account);
            }
        }
    }

    function _checkCommittee(bytes32 studyId, address[] calldata committee) internal view {
        for (uint256 j = 0; j < committee.length; ++j) {
            address member = committee[j];
            if (_siteNumbers[studyId][member] != 0) revert SiteOnCommittee(member);
            if (consortium.rolesOf(member) & Roles.AGGREGATOR == 0) revert NotAggregator(member);
            for (uint256 other = 0; other < j; ++other) {
                if (committee[other] == member) {
                    revert DuplicateParty(bytes32(uint256(uint160(member))));
                }
            }
        }
    }

    function _allSitesApprove(bytes32 studyId) internal view returns (bool) {
        Site[] storage sites = _terms[studyId].sites;
        for (uint256 i = 0; i < sites.length; ++i) {
            address account = sites[i].account;
            if (!_approvers[studyId].contains(account)) return false;
            if (!consortium.isMember(account)) return false;
        }
        return true;
    }

    function _quorumApproves(bytes32 studyId) internal view returns (bool) {
        EnumerableSet.AddressSet storage approvers = _approvers[studyId];
        uint256 needed = consortium.quorum();
        uint256 length = approvers.length();
        uint256 count;
        for (uint256 i = 0; i < length && count < needed; ++i) {
            if (consortium.isMember(approvers.at(i))) ++count;
        }
        return count >= needed;
    }

    function _requireMember(address account) internal view {
        if (!consortium.isMember(account)) revert NotMember(account);
    }
}
