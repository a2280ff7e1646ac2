// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title Studies: the agreed contract of a training task
/// @notice A study is named by the digest of its canonical terms (RFC 8785) *and* by the integers that
/// contracts compute with: `studyId = keccak256(abi.encode(STUDY_TYPEHASH, chainid, this, termsDigest,
/// onChainTerms))`. Approvals are for that id, so nobody can approve one and run the other.
/// @dev Trap: the contract cannot read the terms behind `termsDigest`. Members' software must refuse to
/// approve when struct and terms differ; an audit recomputes both.
interface IStudyRegistry {
    /// @notice One data holder of the study.
    struct Site {
        address account;
        uint32 weight;
        bytes32 version;
        bytes32 lineage;
    }

    /// @notice Seconds that each awaited step may take; names are the steps' actions. An action that a
    /// round waits for more than once (deliver, reveal, confirm) has the same window each time.
    struct Windows {
        uint32 announce;
        uint32 open;
        uint32 report;
        uint32 deliver;
        uint32 answer;
        uint32 reveal;
        uint32 commitFile;
        uint32 confirm;
        uint32 judge;
        uint32 commitSum;
        uint32 publish;
        uint32 openNoise;
        uint32 attest;
    }

    struct OnChainTerms {
        /// @dev How shares are held, see Modes. Others are refused.
        uint8 mode;
        /// @dev h: members whose noise alone must give the privacy claimed, 1..m-1.
        uint8 honest;
        /// @dev M: noise candidates per member: 2, 4 or 8. All but one are opened in each round.
        uint8 noiseCandidates;
        /// @dev a_max: accusations that each site has, and unattributed aborts that pause the study.
        uint8 accusations;
        /// @dev c: sites assumed corrupt together with the whole committee. Nothing is decided by
        /// these alone (see IRounds.finalise).
        uint8 corruptSites;
        /// @dev Whether a round is final only with the word of every accepted site ("all"), or with
        /// that of a majority ("quorum").
        bool everySite;
        /// @dev Rounds that may become final.
        uint32 rounds;
        /// @dev Rounds that may abort before the study stops.
        uint32 maxAborts;
        /// @dev Quorum by number of sites.
        uint32 minSites;
        /// @dev Quorum by the sum of their weights.
        uint64 minWeight;
        /// @dev Δ: most that one record moves a site's integer sum, in integer units.
        uint64 clip;
        /// @dev Variance of one member's discrete Gaussian per coordinate, σ²/h, in integer units.
        uint128 noiseVariance;
        Windows windows;
        address[] committee;
        Site[] sites;
    }

    event StudyProposed(bytes32 indexed studyId, bytes32 indexed termsDigest, address indexed proposer);
    event StudyApproved(bytes32 indexed studyId, address indexed member);
    event StudyActivated(bytes32 indexed studyId);

    error NotMember(address account);
    error NotAggregator(address account);
    error NotSite(address account);
    error StudyExists(bytes32 studyId);
    error UnknownStudy(bytes32 studyId);
    error AlreadyApproved(bytes32 studyId, address member);
    /// @notice A field of the struct is out of range; `field` is its name as ASCII.
    error TermsInvalid(bytes32 field);
    /// @notice The same account, version or lineage stands twice.
    error DuplicateParty(bytes32 party);
    /// @notice A site of the study sits on its committee.
    error SiteOnCommittee(address account);
    /// @notice The version named for `account` is not held by it, or not of the lineage named.
    error VersionMismatch(bytes32 version, address account);

    /// @notice Propose a study. Proposing approves nothing. The calldata must be canonical: what
    /// `abi.encode` makes of the arguments.
    function propose(bytes32 termsDigest, OnChainTerms calldata terms)
        external
        returns (bytes32 studyId);
    /// @notice Approve a study, as a member and, where the caller holds one of its datasets, as holder.
    function approve(bytes32 studyId) external;

    /// @notice Active: every site's account has approved, and a quorum of the members.
    /// Approvals of accounts that are not members now do not count; an account that is voted back in
    /// brings its approvals with it.
    function isActive(bytes32 studyId) external view returns (bool);
    function exists(bytes32 studyId) external view returns (bool);
    function studyIdOf(bytes32 termsDigest, OnChainTerms calldata terms) external view returns (bytes32);
    function termsOf(bytes32 studyId) external view returns (OnChainTerms memory);
    /// @notice 1 + the index of `account` among the sites; 0 when it is none.
    function siteNumber(bytes32 studyId, address account) external view returns (uint256);
    /// @notice 1 + the index of `account` in the committee; 0 when it is not on it.
    function committeeNumber(bytes32 studyId, address account) external view returns (uint256);
    /// @notice Whether one of the sites uses `version`.
    function namesVersion(bytes32 studyId, bytes32 version) external view returns (bool);
    /// @notice nano-ρ that one round costs site `index`: ceil(10^9 (w Δ)² / (2 h σ_h²)), plus one when
    /// h > 1 (Kairouz–Liu–Steinke, arXiv 2102.06387 v3, Theorem 1: covers τ for σ_h ≥ 2).
    function priceOf(bytes32 studyId, uint256 index) external view returns (uint64 nanoRho);
    /// @notice The sites that may take part in a round that opens now, as a bitmap in terms order:
    /// those that have the role SITE in the consortium and whose grants stand.
    function enrolledSites(bytes32 studyId) external view returns (uint256 sites);
    /// @notice Lineage and price of each site in the bitmap `sites`, in terms order.
    function chargesOf(bytes32 studyId, uint256 sites)
        external
        view
        returns (bytes32[] memory lineages, uint64[] memory nanoRho);
}
