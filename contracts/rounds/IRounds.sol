// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title The state machine of a round
/// @notice Its rows stand in `src/troth/round/transitions.json`, which the tests of this contract, the
/// Python roles and the audit all run. Digests only: nothing here grows with records or parameters.
/// @dev Bitmaps run over the order of the transcript: sites in terms order, then noise candidates by
/// member and candidate (bit n + j·M + c). Member bitmaps run over the committee's order.
/// An action is in time while block.timestamp <= deadline; `expire` needs block.timestamp > deadline.
interface IRounds {
    enum State {
        Absent,
        Announcing,
        Announced,
        Open,
        Closed,
        Delivered,
        Keyed,
        Committed,
        Judged,
        Settled,
        Summed,
        Published,
        Final,
        Aborted
    }

    /// @dev Withheld names who did not post. Noise names owner and denier. The others name nobody.
    enum Reason {
        None,
        Withheld,
        NotOpened,
        Quorum,
        Noise,
        Unavailable,
        Disagree,
        Conflict
    }

    struct Round {
        State state;
        uint64 deadline;
        bytes32 headsDigest;
        bytes32 transcript;
        uint256 enrolled;
        uint256 present;
        uint256 delivered;
        uint256 accepted;
        bytes32 modelDigest;
    }

    /// @notice The round moved; the next step must be done by `deadline` (0 in Final and Aborted).
    event Moved(bytes32 indexed studyId, uint32 indexed round, State state, uint64 deadline);
    event HeadPosted(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32 keyHead, bytes32 hpkeKeyDigest);
    /// @notice All heads are in; `headsDigest` binds them and the HPKE keys.
    event HeadsFixed(bytes32 indexed studyId, uint32 indexed round, bytes32 headsDigest);
    /// @notice The price is reserved; `enrolled` sites (those with the role whose grants stand) may report.
    event Opened(bytes32 indexed studyId, uint32 indexed round, uint256 enrolled);
    event Reported(bytes32 indexed studyId, uint32 indexed round, address indexed site, bytes32 digest);
    event NoiseReported(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32 digest);
    event TranscriptFixed(bytes32 indexed studyId, uint32 indexed round, bytes32 transcript, uint256 present);
    event DeliveryPosted(bytes32 indexed studyId, uint32 indexed round, address indexed member, uint256 opened);
    event DeliveryFixed(bytes32 indexed studyId, uint32 indexed round, uint256 delivered);
    event KeyRevealed(bytes32 indexed studyId, uint32 indexed round, address indexed member, uint8 level, bytes32 value);
    event FileCommitted(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32 digest);
    event FilesConfirmed(bytes32 indexed studyId, uint32 indexed round, address indexed member, uint256 fetched);
    event VerdictPosted(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes codes);
    /// @notice The accepted set is fixed and the reservation settled: from here on nothing is returned.
    event AcceptedFixed(bytes32 indexed studyId, uint32 indexed round, uint256 accepted);
    event SumCommitted(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32 digest);
    event PublicationPosted(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32 digest);
    event Attested(bytes32 indexed studyId, uint32 indexed round, address indexed voter, bytes32 modelDigest);
    event Finalised(bytes32 indexed studyId, uint32 indexed round, bytes32 modelDigest);
    /// @notice `inState` is the state that the round did not get out of; `party` and `other` are zero
    /// where the reason names nobody.
    event RoundAborted(bytes32 indexed studyId, uint32 indexed round, Reason reason, State inState, address party, address other);

    /// @notice The study is not active (again: a removed member's approval no longer counts).
    error StudyNotActive(bytes32 studyId);
    /// @notice The study has had all its final rounds, or more aborts than its terms allow.
    error StudyOver(bytes32 studyId);
    /// @notice `round` is not the one that the study is at.
    error WrongRound(bytes32 studyId, uint32 round, uint32 current);
    /// @notice The table has no row for this action in this state.
    error WrongState(State state);
    error NotCommittee(bytes32 studyId, address account);
    /// @notice No site of the study, or without the role SITE in the consortium (any more).
    error NotSite(bytes32 studyId, address account);
    error NotVoter(bytes32 studyId, address account);
    /// @notice On the committee, but without the role AGGREGATOR in the consortium (any more).
    error NotAggregator(address account);
    /// @notice The site has no grant that stands for this round.
    error NotEnrolled(bytes32 studyId, uint32 round, address site);
    error AlreadyPosted(bytes32 studyId, uint32 round, address account);
    error TooLate(uint64 deadline, uint64 nowAt);
    error TooEarly(uint64 deadline, uint64 nowAt);
    error ZeroDigest();
    /// @notice The revealed value does not hash to the committed head.
    error WrongReveal(address member);
    /// @notice Bits beyond those that can be set.
    error WrongBitmap(uint256 allowed, uint256 given);
    /// @notice A verdict must have one code per place, and agree with what is present and delivered.
    error WrongVerdict(uint256 place);
    /// @notice Too few sites are enrolled for the quorum ever to be met.
    error QuorumUnreachable(bytes32 studyId, uint32 round);

    /// @notice Step 0. Key head h³(k) and the digest of this round's HPKE public key.
    function announce(bytes32 studyId, uint32 round, bytes32 keyHead, bytes32 hpkeKeyDigest) external;
    /// @notice Step 1, anyone. Reserves the price of the round on every enrolled lineage, or reverts.
    /// The study must still be active, and every committee member an aggregator.
    function open(bytes32 studyId, uint32 round) external;
    /// @notice Step 2, a site: the digest of its envelope, once.
    function report(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Step 2, a committee member: the digest of its list of noise envelopes, once.
    function reportNoise(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Step 3, anyone: when all are in, or after the deadline.
    function close(bytes32 studyId, uint32 round) external;
    /// @notice Step 4, a member: which of its shares opened to their commitments.
    function deliver(bytes32 studyId, uint32 round, uint256 opened) external;
    /// @notice Step 5, a member: h²(k).
    function reveal(bytes32 studyId, uint32 round, bytes32 value) external;
    /// @notice Step 6a, a member: digest of its file of verifier shares.
    function commitFile(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Step 6c, a member: which members' files it could fetch (its own bit is set).
    function confirmFiles(bytes32 studyId, uint32 round, uint256 fetched) external;
    /// @notice Step 7a, a member: one reason code per place, 0 is accepted. The calldata must be
    /// canonical: what `abi.encode` makes of the arguments.
    function judge(bytes32 studyId, uint32 round, bytes calldata codes) external;
    /// @notice Step 7b, a member: digest that binds it to its sum over the accepted set.
    function commitSum(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Step 9, a member: digest of its aggregate share, which is now in the store.
    function publish(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Step 11, a member or an accepted site: the model digest that follows.
    function attest(bytes32 studyId, uint32 round, bytes32 modelDigest) external;
    /// @notice Step 11, anyone: when every voter has attested, or after the deadline. Final with
    /// max(floor(N/2), m) + 1 equal attestations of the N voters, m of them on the committee, else
    /// Aborted(Conflict). The committee alone is never enough; at least one site agrees.
    function finalise(bytes32 studyId, uint32 round) external;
    /// @notice Anyone, after a deadline that was missed: aborts by the table's timeout.
    function expire(bytes32 studyId, uint32 round) external;

    /// @notice The round that the study is at: final rounds + aborted rounds + 1.
    function currentRound(bytes32 studyId) external view returns (uint32);
    function progressOf(bytes32 studyId) external view returns (uint32 finals, uint32 aborts);
    function roundOf(bytes32 studyId, uint32 round) external view returns (Round memory);
    /// @notice The chain step: h(level, value) = keccak256(abi.encode(KEY_TYPEHASH, chainid, this,
    /// studyId, round, member, level, value)). A head is h(3, h(2, h(1, k))).
    function keyStep(bytes32 studyId, uint32 round, address member, uint8 level, bytes32 value) external view returns (bytes32);
}
