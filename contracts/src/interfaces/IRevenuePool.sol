// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Beneficiary, RevenueKind} from "../libraries/Vocabulary.sol";

/// @title Revenue of a work, split at once by shares that are fixed for good (W4)
interface IRevenuePool {
    /// @notice A payee's share of everything a pool receives.
    struct Share {
        address payee;
        Beneficiary role;
        uint16 shareBps;
    }

    /// @notice The shares of a work were fixed.
    event PoolCreated(uint256 indexed poolId, bytes32 indexed aaid, address indexed creator);

    /// @notice One payee's share, emitted in the listed order right after PoolCreated.
    /// @param index place in the list, from 0
    event ShareSet(uint256 indexed poolId, uint16 index, address indexed payee, Beneficiary role, uint16 shareBps);

    /// @notice A receipt of `amount` wei, split at once by the rule "floor-first-listed/1".
    /// @param receiptId 1, 2, 3, ... within the pool
    /// @param reference_ where the revenue comes from: a statement, a publication or another id of 32 bytes.
    event RevenueReceived(
        uint256 indexed poolId,
        uint256 receiptId,
        address indexed payer,
        RevenueKind kind,
        uint256 amount,
        bytes32 indexed reference_
    );

    /// @notice A payee took what had accrued, in wei.
    event RevenueClaimed(uint256 indexed poolId, address indexed payee, uint256 amount);

    /// @notice The address given is zero.
    error ZeroAddress();
    /// @notice Only the asset's owner may fix its shares.
    error NotAssetOwner(bytes32 aaid, address caller);
    /// @notice The asset has a pool already.
    error PoolExists(uint256 poolId);
    /// @notice No pool has this id.
    error UnknownPool(uint256 poolId);
    /// @notice A pool has 1 to `maximum` shares.
    error WrongShareCount(uint256 count, uint256 maximum);
    /// @notice The share at `index` is zero, or has no payee, or belongs to this contract.
    error InvalidShare(uint256 index);
    /// @notice The shares must add up to 10,000 basis points.
    error SharesDoNotAddUp(uint256 totalBps);
    /// @notice A receipt is of at least 1 wei.
    error ZeroAmount();
    /// @notice Nothing has accrued for `payee`.
    error NothingToClaim(uint256 poolId, address payee);

    /// @notice Fixes the shares of an asset of the caller, for good. One pool an asset.
    /// @param shares 1 to 256, adding up to 10,000 basis points. A payee may be listed twice; the shares add up.
    /// @return poolId 1, 2, 3, ...
    function createPool(bytes32 aaid, Share[] calldata shares) external returns (uint256 poolId);

    /// @notice Pulls `amount` wei from the caller (by allowance) and splits them at once.
    /// @return receiptId 1, 2, 3, ... within the pool
    function receiveRevenue(uint256 poolId, RevenueKind kind, uint256 amount, bytes32 reference_)
        external
        returns (uint256 receiptId);

    /// @notice Pays the caller everything that has accrued.
    /// @return amount in wei
    function claim(uint256 poolId) external returns (uint256 amount);

    /// @notice What `payee` can claim now, in wei.
    function claimable(uint256 poolId, address payee) external view returns (uint256);

    /// @notice The pool of an asset, 0 while it has none.
    function poolOf(bytes32 aaid) external view returns (uint256 poolId);

    /// @notice The shares of a pool in listed order.
    function sharesOf(uint256 poolId) external view returns (Share[] memory);
}
