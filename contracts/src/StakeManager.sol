// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAtlasToken} from "./interfaces/IAtlasToken.sol";
import {IStakeManager} from "./interfaces/IStakeManager.sol";
import {BasisPoints} from "./libraries/BasisPoints.sol";
import {StakeRole, Violation} from "./libraries/Vocabulary.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Stakes of the protocol's roles, and what a violation costs (W17, W21)
/// @notice The slasher can destroy a stake but never direct more than 20% to the treasury and 10% to the reporter.
contract StakeManager is IStakeManager, AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IAtlasToken;

    /// @notice May slash. Nobody has this role until the admin grants it.
    bytes32 public constant SLASHER_ROLE = keccak256("SLASHER_ROLE");
    /// @notice The treasury's part of a slashed amount.
    uint16 public constant TREASURY_BPS = 2_000;
    /// @notice The reporter's part of a slashed amount. The rest is burned.
    uint16 public constant REPORTER_BPS = 1_000;

    /// @notice The longest cooldown: a stake must come back in a time that its owner can wait for.
    uint64 public constant MAX_COOLDOWN = 365 days;

    /// @notice What is staked.
    IAtlasToken public immutable token;
    /// @notice Receives its part of what is slashed.
    address public immutable treasury;
    /// @notice Seconds from the request to the withdrawal of a stake.
    uint64 public immutable cooldown;

    mapping(address operator => mapping(StakeRole role => Stake)) private _stakes;

    /// @param cooldown_ in seconds, a year at most
    /// @param admin may grant and revoke the slasher role.
    constructor(IAtlasToken token_, address treasury_, uint64 cooldown_, address admin) {
        if (address(token_) == address(0) || treasury_ == address(0) || admin == address(0)) revert ZeroAddress();
        if (cooldown_ > MAX_COOLDOWN) revert CooldownTooLong(cooldown_, MAX_COOLDOWN);
        token = token_;
        treasury = treasury_;
        cooldown = cooldown_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc IStakeManager
    function stake(StakeRole role, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Stake storage held = _stakes[msg.sender][role];
        held.total += amount;
        emit Staked(msg.sender, role, amount, held.total);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStakeManager
    function requestUnstake(StakeRole role, uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        Stake storage held = _stakes[msg.sender][role];
        uint256 active = held.total - held.pending;
        if (amount > active) revert StakeTooSmall(amount, active);
        held.pending += amount;
        held.availableAt = uint64(block.timestamp) + cooldown;
        emit UnstakeRequested(msg.sender, role, amount, held.availableAt);
    }

    /// @inheritdoc IStakeManager
    function withdraw(StakeRole role) external nonReentrant returns (uint256 amount) {
        Stake storage held = _stakes[msg.sender][role];
        amount = held.pending;
        if (amount == 0) revert NothingPending();
        if (block.timestamp < held.availableAt) revert StillCoolingDown(held.availableAt);
        held.total -= amount;
        held.pending = 0;
        emit Unstaked(msg.sender, role, amount, held.total);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IStakeManager
    function slash(
        address operator,
        StakeRole role,
        Violation violation,
        uint256 amount,
        address reporter,
        bytes32 evidenceHash
    ) external onlyRole(SLASHER_ROLE) nonReentrant {
        if (amount == 0) revert ZeroAmount();
        if (reporter == address(0)) revert ZeroAddress();
        if (reporter == operator) revert ReporterIsOperator(operator);
        if (reporter == address(this)) revert ReporterIsStakeManager();
        _reduce(_stakes[operator][role], amount);

        uint256 toTreasury = BasisPoints.part(amount, TREASURY_BPS);
        uint256 toReporter = BasisPoints.part(amount, REPORTER_BPS);
        uint256 burned = amount - toTreasury - toReporter;
        emit Slashed(operator, role, violation, amount, burned, toTreasury, toReporter, reporter, evidenceHash);

        token.burn(burned);
        token.safeTransfer(treasury, toTreasury);
        token.safeTransfer(reporter, toReporter);
    }

    /// @inheritdoc IStakeManager
    function stakeOf(address operator, StakeRole role) external view returns (Stake memory) {
        return _stakes[operator][role];
    }

    /// @dev What was asked back goes last, so that asking early protects nothing.
    function _reduce(Stake storage held, uint256 amount) private {
        if (amount > held.total) revert StakeTooSmall(amount, held.total);
        held.total -= amount;
        held.pending = Math.min(held.pending, held.total);
    }
}
