// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {StakeRole, Violation} from "../libraries/Vocabulary.sol";

/// @title Stakes of the protocol's roles, and what a violation costs (W17, W21)
interface IStakeManager {
    /// @notice An operator's stake in a role, in wei. `pending` is the part of `total` that was asked back; it can be
    ///         withdrawn from `availableAt` on, and slashed until it is withdrawn. Once the cooldown is over it can
    ///         leave with the next block, before a slash: whoever asks what stands behind an operator counts
    ///         `total - pending` only.
    struct Stake {
        uint256 total;
        uint256 pending;
        uint64 availableAt;
    }

    /// @notice `total` is the operator's stake in the role afterwards.
    event Staked(address indexed operator, StakeRole indexed role, uint256 amount, uint256 total);

    /// @notice The amount was asked back; the stake's total does not change yet.
    event UnstakeRequested(address indexed operator, StakeRole indexed role, uint256 amount, uint64 availableAt);

    /// @notice Withdrawn; `total` is what stays.
    event Unstaked(address indexed operator, StakeRole indexed role, uint256 amount, uint256 total);

    /// @notice `amount` = `burned` + `toTreasury` + `toReporter`.
    event Slashed(
        address indexed operator,
        StakeRole indexed role,
        Violation indexed violation,
        uint256 amount,
        uint256 burned,
        uint256 toTreasury,
        uint256 toReporter,
        address reporter,
        bytes32 evidenceHash
    );

    /// @notice The address given is zero.
    error ZeroAddress();
    /// @notice An amount is of at least 1 wei.
    error ZeroAmount();
    /// @notice More than there is: `available` wei.
    error StakeTooSmall(uint256 requested, uint256 available);
    /// @notice Nothing was asked back.
    error NothingPending();
    /// @notice The cooldown runs until `availableAt`.
    error StillCoolingDown(uint64 availableAt);
    /// @notice Nobody is rewarded for reporting their own violation.
    error ReporterIsOperator(address operator);
    /// @notice Tokens sent to this contract as a reward would belong to no stake.
    error ReporterIsStakeManager();
    /// @notice The cooldown, in seconds, is longer than a year.
    error CooldownTooLong(uint64 cooldown, uint64 maximum);

    /// @notice Pulls `amount` wei from the caller (by allowance) into the caller's stake in `role`.
    function stake(StakeRole role, uint256 amount) external;

    /// @notice Asks `amount` wei of the caller's stake back. Several requests add up, and each starts the cooldown of
    ///         everything pending anew.
    function requestUnstake(StakeRole role, uint256 amount) external;

    /// @notice Pays the caller everything pending, once the cooldown is over.
    /// @return amount in wei
    function withdraw(StakeRole role) external returns (uint256 amount);

    /// @notice Takes `amount` wei of an operator's stake, first from the part that was not asked back: 20% to the
    ///         treasury and 10% to the reporter, both rounded down, the rest (70% and what rounding left over) burned:
    ///         the rule "slash-burn-remainder/1". Only for the slasher role.
    /// @param evidenceHash hash of the evidence, kept elsewhere.
    function slash(
        address operator,
        StakeRole role,
        Violation violation,
        uint256 amount,
        address reporter,
        bytes32 evidenceHash
    ) external;

    /// @notice An operator's stake in a role.
    function stakeOf(address operator, StakeRole role) external view returns (Stake memory);
}
