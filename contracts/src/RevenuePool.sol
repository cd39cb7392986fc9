// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IAtlasToken} from "./interfaces/IAtlasToken.sol";
import {IRevenuePool} from "./interfaces/IRevenuePool.sol";
import {BasisPoints} from "./libraries/BasisPoints.sol";
import {RevenueSplit} from "./libraries/RevenueSplit.sol";
import {RevenueKind} from "./libraries/Vocabulary.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Revenue of a work, split at once by shares that are fixed for good (W4)
/// @notice There is no admin: no party can change a share, stop a claim or take what accrued to another.
contract RevenuePool is IRevenuePool, ReentrancyGuardTransient {
    using SafeERC20 for IAtlasToken;

    /// @notice The most shares of a pool.
    uint256 public constant MAX_SHARES = 256;

    /// @notice What is received and paid.
    IAtlasToken public immutable token;
    /// @notice Says who owns an asset.
    IAssetRegistry public immutable assets;

    /// @notice How many pools there are; also the last pool id.
    uint256 public poolCount;
    /// @inheritdoc IRevenuePool
    mapping(bytes32 aaid => uint256 poolId) public poolOf;
    /// @notice How many receipts a pool has had; also the id of its last one.
    mapping(uint256 poolId => uint256) public receiptCount;
    /// @inheritdoc IRevenuePool
    mapping(uint256 poolId => mapping(address payee => uint256 amount)) public claimable;

    mapping(uint256 poolId => Share[]) private _shares;

    constructor(IAtlasToken token_, IAssetRegistry assets_) {
        if (address(token_) == address(0) || address(assets_) == address(0)) revert ZeroAddress();
        token = token_;
        assets = assets_;
    }

    /// @inheritdoc IRevenuePool
    function createPool(bytes32 aaid, Share[] calldata shares) external returns (uint256 poolId) {
        if (assets.ownerOfAsset(aaid) != msg.sender) revert NotAssetOwner(aaid, msg.sender);
        if (poolOf[aaid] != 0) revert PoolExists(poolOf[aaid]);
        if (shares.length == 0 || shares.length > MAX_SHARES) revert WrongShareCount(shares.length, MAX_SHARES);

        poolId = ++poolCount;
        poolOf[aaid] = poolId;
        emit PoolCreated(poolId, aaid, msg.sender);
        uint256 totalBps;
        for (uint16 i = 0; i < shares.length; ++i) {
            _setShare(poolId, i, shares[i]);
            totalBps += shares[i].shareBps;
        }
        if (totalBps != BasisPoints.WHOLE) revert SharesDoNotAddUp(totalBps);
    }

    /// @inheritdoc IRevenuePool
    function receiveRevenue(uint256 poolId, RevenueKind kind, uint256 amount, bytes32 reference_)
        external
        nonReentrant
        returns (uint256 receiptId)
    {
        if (amount == 0) revert ZeroAmount();
        _requirePool(poolId);
        receiptId = ++receiptCount[poolId];
        _accrue(poolId, amount);
        emit RevenueReceived(poolId, receiptId, msg.sender, kind, amount, reference_);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IRevenuePool
    function claim(uint256 poolId) external nonReentrant returns (uint256 amount) {
        amount = claimable[poolId][msg.sender];
        if (amount == 0) revert NothingToClaim(poolId, msg.sender);
        claimable[poolId][msg.sender] = 0;
        emit RevenueClaimed(poolId, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IRevenuePool
    function sharesOf(uint256 poolId) external view returns (Share[] memory) {
        _requirePool(poolId);
        return _shares[poolId];
    }

    function _setShare(uint256 poolId, uint16 index, Share calldata share) private {
        if (share.shareBps == 0 || share.payee == address(0) || share.payee == address(this)) {
            revert InvalidShare(index);
        }
        _shares[poolId].push(share);
        emit ShareSet(poolId, index, share.payee, share.role, share.shareBps);
    }

    function _accrue(uint256 poolId, uint256 amount) private {
        Share[] memory shares = _shares[poolId];
        uint16[] memory sharesBps = new uint16[](shares.length);
        for (uint256 i = 0; i < shares.length; ++i) {
            sharesBps[i] = shares[i].shareBps;
        }
        uint256[] memory parts = RevenueSplit.split(amount, sharesBps);
        for (uint256 i = 0; i < shares.length; ++i) {
            claimable[poolId][shares[i].payee] += parts[i];
        }
    }

    function _requirePool(uint256 poolId) private view {
        if (poolId == 0 || poolId > poolCount) revert UnknownPool(poolId);
    }
}
