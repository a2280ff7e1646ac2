// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title The state machine of a round
/// @notice Its rows stand in `src/troth/round/transitions.json`, which the tests of this contract, the
/// Python roles and the audit all run. Digests only: nothing here grows with records or parameters.
/// @dev Bitmaps run over the order of the transcript: sites in terms order, then noise candidates by
/// member and candidate (bit n + j·M + c). Member bitmaps run over the committee's order.
/// Modes B3 and B4 hold every share at all members but one ("replicated"). In B4 a member may leave a
/// round that three others can go on with; who is left is the live set. A step is complete when every
/// live member has posted. Who left may not post in that round any more, but votes like everybody.
/// An action is in time while block.timestamp <= deadline; `expire` needs block.timestamp > deadline.
interface IRounds {
    enum State {
        Absent,
        Announcing,
        Announced,
        Open,
        Closed,
        Contested,
        Answered,
        Delivered,
        Keyed,
        Committed,
        Judged,
        Settled,
        Summed,
        Challenged,
        Published,
        Held,
        Picked,
        Seeded,
        Opened,
        Final,
        Aborted
    }

    /// @dev Withheld names who did not post, Fault who is at fault. Noise names owner and denier when
    /// noise was denied, and nobody when it was rejected, or too little is left of it. Unavailable names
    /// a member whose blob more than half of the others could not fetch, where there are others enough.
    /// Disagree names nobody when verdicts or recoveries differ, members whose verifier files are
    /// contradicted, or two whose sums of a share differ. The rest name nobody.
    /// A member leaves for the same reasons: Withheld, Unavailable, Disagree (it stands against what the
    /// others agree on), Fault.
    enum Reason {
        None,
        Withheld,
        NotOpened,
        Revoked,
        Quorum,
        Noise,
        Unavailable,
        Disagree,
        Fault,
        Accused,
        Silent,
        Conflict
    }

    /// @notice What a voter can say of a party. All but OwnTag can be recomputed by everybody, and are
    /// decided by votes. OwnTag is a site's word about the tags of its own report.
    enum Fault {
        None,
        Publication,
        Opening,
        Verification,
        Tag,
        Accusation,
        OwnTag
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
        uint256 live;
        uint256 recovered;
        bytes32 modelDigest;
    }

    /// @notice The round moved; the next step must be done by `deadline` (0 in Final and Aborted).
    event Moved(bytes32 indexed studyId, uint32 indexed round, State state, uint64 deadline);
    /// @notice `member` has left the round, for what it did, or did not, in `inState`.
    event Dropped(bytes32 indexed studyId, uint32 indexed round, address indexed member, State inState, Reason reason);
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
    /// @notice The owner of denied noise put the denied shares into the store, as one blob. Replicated: a
    /// member put its echo there, what others need to open the shares that they hold too.
    event Answered(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32 digest);
    /// @notice `value` is h^level(k).
    event KeyRevealed(bytes32 indexed studyId, uint32 indexed round, address indexed member, uint8 level, bytes32 value);
    event FileCommitted(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32 digest);
    event Confirmed(bytes32 indexed studyId, uint32 indexed round, address indexed member, uint256 fetched);
    event VerdictPosted(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes codes);
    /// @notice The accepted set is fixed and the reservation settled: from here on nothing is returned.
    event AcceptedFixed(bytes32 indexed studyId, uint32 indexed round, uint256 accepted);
    event SumCommitted(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32[] digests);
    event PublicationPosted(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32 digest);
    event NoiseOpened(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32[] seeds);
    /// @notice `member` opened in full the noise of `owners`, whose seeds are missing or wrong: see `digest`.
    event Recovered(bytes32 indexed studyId, uint32 indexed round, address indexed member, uint256 owners, bytes32 digest);
    /// @notice It is agreed whose noise was opened in full, and is no part of the round's noise.
    event RecoveryFixed(bytes32 indexed studyId, uint32 indexed round, uint256 owners);
    event Attested(bytes32 indexed studyId, uint32 indexed round, address indexed voter, bytes32 modelDigest, bool tagsRight);
    /// @notice What `voter` attested before, if anything, no longer counts.
    event Accused(bytes32 indexed studyId, uint32 indexed round, address indexed voter, Fault fault, address party, bytes32 evidence);
    event Finalised(bytes32 indexed studyId, uint32 indexed round, bytes32 modelDigest);
    /// @notice `inState` is the state that the round did not get out of; `party` and `other` are zero
    /// where the reason names nobody.
    event RoundAborted(bytes32 indexed studyId, uint32 indexed round, Reason reason, State inState, address party, address other);
    /// @notice A site that was silent about its tags in a final round has checked them.
    event Reviewed(bytes32 indexed studyId, uint32 indexed round, address indexed site, bool tagsRight);
    event NoiseDefended(bytes32 indexed studyId, uint32 indexed round, address indexed member, bytes32[] seeds);
    /// @notice `votes` of `needed` are in for going on, with the accusations of `restored` given back.
    event ResumeVoted(bytes32 indexed studyId, address indexed member, uint256 restored, uint32 votes, uint32 needed);
    /// @notice The study goes on, for the `resumptions`-th time.
    event Resumed(bytes32 indexed studyId, uint32 resumptions, uint256 restored);

    /// @notice The study is not active (again: a removed member's approval no longer counts).
    error StudyNotActive(bytes32 studyId);
    /// @notice The study has had all its final rounds, or more aborts than its terms allow, or a member
    /// of its committee was proven at fault (in B4: two were). What is left to train needs a new study.
    error StudyOver(bytes32 studyId);
    /// @notice Too many rounds were aborted with nobody to blame; `resume` ends the pause.
    error StudyPaused(bytes32 studyId);
    /// @notice No round of such a study was ever announced.
    error UnknownStudy(bytes32 studyId);
    /// @notice `round` is not the one that the study is at.
    error WrongRound(bytes32 studyId, uint32 round, uint32 current);
    /// @notice The table has no row for this action in this state.
    error WrongState(State state);
    error NotCommittee(bytes32 studyId, address account);
    /// @notice `report`: no site of the study, or without the role SITE in the consortium (any more).
    /// `review`: no site whose report was accepted in that round.
    error NotSite(bytes32 studyId, address account);
    /// @notice Neither on the committee nor an accepted site; or an accuser that accuses itself.
    error NotVoter(bytes32 studyId, address account);
    /// @notice None of the member's noise was denied (`answer`) or rejected (`defend`).
    error NotOwing(bytes32 studyId, uint32 round, address account);
    /// @notice Not a member of the consortium.
    error NotMember(address account);
    error AlreadyVoted(bytes32 motion, address member);
    /// @notice On the committee, but without the role AGGREGATOR in the consortium (any more).
    error NotAggregator(address account);
    /// @notice The site has no grant that stands for this round, or had no accusation left.
    error NotEnrolled(bytes32 studyId, uint32 round, address site);
    /// @notice A committee member that has left the round.
    error NotLive(bytes32 studyId, uint32 round, address account);
    error AlreadyPosted(bytes32 studyId, uint32 round, address account);
    error TooLate(uint64 deadline, uint64 nowAt);
    error TooEarly(uint64 deadline, uint64 nowAt);
    error ZeroDigest();
    /// @notice The revealed value does not hash to the committed head.
    error WrongReveal(address member);
    /// @notice Bits beyond those that can be set.
    error WrongBitmap(uint256 allowed, uint256 given);
    /// @notice A verdict must have one code per place, and agree with what is present and delivered; where
    /// shares are replicated a last byte names live members.
    error WrongVerdict(uint256 place);
    /// @notice One digest is due, or where shares are replicated one per share that the member holds.
    error WrongSums(address member);
    /// @notice Too many or too few seeds, or one that is zero, or two that are equal.
    error WrongSeeds(address member);
    /// @notice No fault that there is, or not one that this voter can tell of.
    error WrongFault(uint8 fault);
    /// @notice Too few sites are enrolled for the quorum ever to be met.
    error QuorumUnreachable(bytes32 studyId, uint32 round);

    /// @notice Step 0. Key head h³(k) and the digest of this round's HPKE public key.
    /// Refused while the study is paused, and for ever once it is over.
    function announce(bytes32 studyId, uint32 round, bytes32 keyHead, bytes32 hpkeKeyDigest) external;
    /// @notice Step 1, anyone. Reserves the price of the round on every enrolled lineage, or reverts.
    /// The study must still be active, and every live member an aggregator. A site without an
    /// accusation is left out: each tag in the sum has an owner who can object to it.
    function open(bytes32 studyId, uint32 round) external;
    /// @notice Step 2, a site: the digest of its envelope, once.
    function report(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Step 2, a committee member: the digest of its list of noise envelopes, once.
    function reportNoise(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Step 3, anyone: when all are in, or after the deadline. Then members without a list of
    /// noise leave, if they may. A list that is missing because the consortium took its owner's role
    /// away is nobody's fault: Aborted(Revoked).
    function close(bytes32 studyId, uint32 round) external;
    /// @notice Steps 4a and 4c, a member: which of its shares opened to their commitments. Sites' reports
    /// that somebody cannot open leave the round. Noise may not: its owner is asked to answer (4b), and
    /// when somebody denies noise again, the round aborts and names the first pair.
    /// Replicated: of which places it opened all its shares. What at most one live member could not open
    /// is delivered, once that member has it from the others' echo (4b); noise only with all candidates of
    /// its owner, and of three owners at least. Who denies again leaves, or else it is not delivered.
    function deliver(bytes32 studyId, uint32 round, uint256 opened) external;
    /// @notice Step 4b, a member whose noise was denied: digest of the blob with the denied shares.
    /// Replicated: every live member, the digest of its echo.
    function answer(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Steps 5, 8 and 10a, a member: h²(k), then h(k), then k. Each must hash to the one before.
    /// Replicated: there is no step 8, k follows on h²(k).
    function reveal(bytes32 studyId, uint32 round, bytes32 value) external;
    /// @notice Step 6a, a member: digest of its file of verifier shares.
    function commitFile(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Steps 6c and 9b, a member: whose file, or publication, it could fetch (its own bit is
    /// set; live members only). Members that more than half of the others complain of leave, if they may.
    /// Else the round aborts, and names the first of them; where there are only two members, nobody. With
    /// members to spare, a complaint of fewer changes nothing.
    function confirm(bytes32 studyId, uint32 round, uint256 fetched) external;
    /// @notice Step 7a, a member: one reason code per place, 0 is accepted. The calldata must be
    /// canonical: what `abi.encode` makes of the arguments. Replicated: one more byte, the bitmap of live
    /// members whose file of verifier shares the others' files contradict. Who says otherwise than the
    /// agreed verdict leaves, and so do those that it names, if they may.
    function judge(bytes32 studyId, uint32 round, bytes calldata codes) external;
    /// @notice Step 7b, a member: one digest that binds it to its sum over the accepted set. Replicated:
    /// the digests of the sums of all shares but its own, by share; two holders' make one agreed, and who
    /// posted another leaves, if it may. The calldata must be canonical.
    function commitSum(bytes32 studyId, uint32 round, bytes32[] calldata digests) external;
    /// @notice Step 9a, a member: digest of its aggregate share and its tags, now in the store.
    function publish(bytes32 studyId, uint32 round, bytes32 digest) external;
    /// @notice Step 10b, a member: the seeds of all its candidates but the one that the pick keeps, in
    /// order. Only their number and that they differ is checked here; that they give the reports that
    /// were posted is recomputed by the voters (Fault.Opening). The calldata must be canonical.
    function openNoise(bytes32 studyId, uint32 round, bytes32[] calldata seeds) external;
    /// @notice Step 10c, a member, in mode B4: `owners` (bitmap) of noise in the sum that did not open their
    /// seeds, or wrong ones. `digest` names the blob with its shares of all their candidates; it may be
    /// zero where there are no such owners. The owners that enough members agree on leave, if they may;
    /// the others' noise must be more than the claim of privacy needs.
    function recover(bytes32 studyId, uint32 round, uint256 owners, bytes32 digest) external;
    /// @notice Step 11, a member or an accepted site: the model digest that follows from what was
    /// opened, and whether the tags are right that the voter can check by itself (a site's own; a
    /// member's, those of its noise).
    function attest(bytes32 studyId, uint32 round, bytes32 modelDigest, bool tagsRight) external;
    /// @notice Step 11, a member or an accepted site: that `party` did `fault`, once, in place of its
    /// attestation. `party` is a member; for Fault.Accusation any other voter. OwnTag is for sites only.
    /// Replicated: Opening, Verification and Accusation only.
    /// `evidence` is the digest of a blob, or zero where the public record is evidence enough. The
    /// contract judges no evidence: it counts accusations of one party, whatever the fault. (Who lied
    /// twice must not escape because some saw one lie and some the other.)
    function accuse(bytes32 studyId, uint32 round, uint8 fault, address party, bytes32 evidence) external;
    /// @notice Step 11, anyone: when every voter has attested and nobody accused, or after the deadline.
    /// (Members that left may vote, and are counted in N, but are not waited for.)
    /// With N voters, m of them members, and c = corruptSites, max(floor(N/2), m + c) + 1 equal votes
    /// decide. In this order: that many accusations of one party abort the round and prove it at
    /// fault; a site's OwnTag aborts it (Accused) and uses one of the site's accusations;
    /// where the terms want every site's word, a silent one aborts it (Silent) and uses one too; without
    /// that many attestations of one model digest it aborts (Conflict); else it is final.
    /// The committee, together with c sites, is never enough to decide anything. A round with few sites
    /// beyond c can be stopped by few: terms should have minSites well above corruptSites.
    function finalise(bytes32 studyId, uint32 round) external;
    /// @notice Step 12, an accepted site of a final round, once, if it neither accused nor attested that
    /// its tags are right: what it found. Changes nothing; the audit reads it.
    function review(bytes32 studyId, uint32 round, bool tagsRight) external;
    /// @notice Step 12, a member whose noise was rejected in a round that aborted for that, once: the
    /// seeds of all its candidates, in order. They protect nothing any more, and show the audit who
    /// lied. The calldata must be canonical.
    function defend(bytes32 studyId, uint32 round, bytes32[] calldata seeds) external;
    /// @notice A member of the consortium votes to end a study's pause, and to give the sites in
    /// `restored` (bitmap in terms order) their accusations back; the vote that reaches the quorum does
    /// it. Sites without accusations that are not restored stay out of the rounds to come. A vote lapses
    /// when membership changes, when another vote carries, and with every abort.
    function resume(bytes32 studyId, uint256 restored) external;
    /// @notice Anyone, after a deadline that was missed: who is missing leaves, if it may, and the step is
    /// complete; else the round aborts by the table's timeout.
    function expire(bytes32 studyId, uint32 round) external;

    /// @notice The round that the study is at: final rounds + aborted rounds + 1.
    function currentRound(bytes32 studyId) external view returns (uint32);
    /// @notice How far a study is: its rounds by end; `unattributed` aborts since the last of its
    /// `resumptions`; members proven `guilty` and sites whose accusations are `spent`, as bitmaps.
    function progressOf(bytes32 studyId)
        external
        view
        returns (
            uint32 finals,
            uint32 aborts,
            uint32 unattributed,
            uint32 resumptions,
            uint8 guilty,
            uint64 spent
        );
    function roundOf(bytes32 studyId, uint32 round) external view returns (Round memory);
    /// @notice The chain step: h(level, value) = keccak256(abi.encode(KEY_TYPEHASH, chainid, this,
    /// studyId, round, member, level, value)). A head is h(3, h(2, h(1, k))).
    function keyStep(bytes32 studyId, uint32 round, address member, uint8 level, bytes32 value) external view returns (bytes32);
}
