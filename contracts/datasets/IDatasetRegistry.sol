// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title Dataset versions and the grants of their holders
/// @notice A version is a salted Merkle root and a bound on its records. Versions that descend from
/// one another share a *lineage*, and with it one privacy budget: a new version of the same records
/// inherits what was spent.
interface IDatasetRegistry {
    struct Version {
        address holder;
        uint32 recordBound;
        bytes32 lineage;
        bytes32 parent;
        bytes32 root;
    }

    /// @notice A version was registered by its holder.
    event VersionRegistered(
        bytes32 indexed version,
        bytes32 indexed lineage,
        address indexed holder,
        bytes32 parent,
        bytes32 root,
        uint32 recordBound
    );
    /// @notice The holder lets `studyId` use `version`.
    event Granted(bytes32 indexed version, bytes32 indexed studyId);
    /// @notice The holder takes the grant back for rounds that are not open yet.
    event Revoked(bytes32 indexed version, bytes32 indexed studyId);

    error NotSite(address account);
    error NotHolder(bytes32 version, address account);
    error UnknownVersion(bytes32 version);
    error VersionExists(bytes32 version);
    /// @notice The holder registered `root` before, in `lineage`: a fresh lineage would be a fresh budget
    /// for the same records.
    error RootInAnotherLineage(bytes32 root, bytes32 lineage);
    error ZeroRoot();
    error ZeroRecordBound();
    error AlreadyGranted(bytes32 version, bytes32 studyId);
    error NotGranted(bytes32 version, bytes32 studyId);
    error UnknownStudy(bytes32 studyId);
    /// @notice `studyId` does not name `version` among its sites.
    error NotInStudy(bytes32 version, bytes32 studyId);

    /// @notice Register a version; `parent` is zero for the first of a lineage.
    /// A root stays in the lineage that its holder first registered it in.
    /// @return version keccak256(abi.encode(TYPEHASH, chainid, this, holder, parent, root, recordBound))
    function register(bytes32 root, uint32 recordBound, bytes32 parent)
        external
        returns (bytes32 version);
    /// @notice Grant `version` to a study that names it.
    function grant(bytes32 version, bytes32 studyId) external;
    /// @notice Take the grant back; rounds that are open already go on.
    function revoke(bytes32 version, bytes32 studyId) external;

    function versionOf(bytes32 version) external view returns (Version memory);
    /// @notice The holder of a lineage's first version (and so of all of them).
    function holderOfLineage(bytes32 lineage) external view returns (address);
    function isGranted(bytes32 version, bytes32 studyId) external view returns (bool);
}
