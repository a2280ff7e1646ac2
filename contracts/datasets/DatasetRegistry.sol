// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {IConsortium} from "../consortium/IConsortium.sol";
import {Roles} from "../consortium/Roles.sol";
import {References} from "../References.sol";
import {Signed} from "../Signed.sol";
import {IStudyRegistry} from "../study/IStudyRegistry.sol";
import {IDatasetRegistry} from "./IDatasetRegistry.sol";

/// @title The register of dataset versions
/// @dev Trap: the same records under a fresh salt are a new root. Only `parent` ties them to what was
/// spent, and nothing on the chain can see a holder that leaves it out.
contract DatasetRegistry is IDatasetRegistry, Signed {
    bytes32 private constant VERSION_TYPEHASH = keccak256("troth/version/v1");

    IConsortium public immutable consortium;
    IStudyRegistry public immutable studies;

    mapping(bytes32 version => Version) private _versions;
    mapping(bytes32 version => mapping(bytes32 studyId => bool)) private _granted;
    mapping(address holder => mapping(bytes32 root => bytes32 lineage)) private _lineages;

    constructor(address consortium_, address studies_) {
        consortium = IConsortium(References.checked(consortium_));
        studies = IStudyRegistry(References.checked(studies_));
    }

    /// @inheritdoc IDatasetRegistry
    function register(bytes32 root, uint32 recordBound, bytes32 parent)
        external
        signed
        returns (bytes32 version)
    {
        if (consortium.rolesOf(msg.sender) & Roles.SITE == 0) revert NotSite(msg.sender);
        if (root == 0) revert ZeroRoot();
        if (recordBound == 0) revert ZeroRecordBound();
        if (parent != 0) _requireHolder(parent);
        version = keccak256(
            abi.encode(
                VERSION_TYPEHASH, block.chainid, address(this), msg.sender, parent, root, recordBound
            )
        );
        if (_exists(version)) revert VersionExists(version);
        bytes32 lineage = parent == 0 ? version : _versions[parent].lineage;
        bytes32 known = _lineages[msg.sender][root];
        if (known != 0 && known != lineage) revert RootInAnotherLineage(root, known);
        _lineages[msg.sender][root] = lineage;
        _versions[version] = Version(msg.sender, recordBound, lineage, parent, root);
        emit VersionRegistered(version, lineage, msg.sender, parent, root, recordBound);
    }

    /// @inheritdoc IDatasetRegistry
    function grant(bytes32 version, bytes32 studyId) external signed {
        _requireHolder(version);
        if (!studies.exists(studyId)) revert UnknownStudy(studyId);
        if (!studies.namesVersion(studyId, version)) revert NotInStudy(version, studyId);
        if (_granted[version][studyId]) revert AlreadyGranted(version, studyId);
        _granted[version][studyId] = true;
        emit Granted(version, studyId);
    }

    /// @inheritdoc IDatasetRegistry
    function revoke(bytes32 version, bytes32 studyId) external signed {
        _requireHolder(version);
        if (!_granted[version][studyId]) revert NotGranted(version, studyId);
        _granted[version][studyId] = false;
        emit Revoked(version, studyId);
    }

    /// @inheritdoc IDatasetRegistry
    function versionOf(bytes32 version) public view returns (Version memory) {
        return _versions[version];
    }

    /// @inheritdoc IDatasetRegistry
    /// @dev A lineage is the id of its first version; the id of a later version names no lineage.
    function holderOfLineage(bytes32 lineage) public view returns (address) {
        Version storage first = _versions[lineage];
        return first.parent == 0 ? first.holder : address(0);
    }

    /// @inheritdoc IDatasetRegistry
    function isGranted(bytes32 version, bytes32 studyId) public view returns (bool) {
        return _granted[version][studyId];
    }

    function _exists(bytes32 version) internal view returns (bool) {
        return _versions[version].holder != address(0);
    }

    function _requireHolder(bytes32 version) internal view {
        if (!_exists(version)) revert UnknownVersion(version);
        if (_versions[version].holder != msg.sender) revert NotHolder(version, msg.sender);
    }
}
