// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Signed roots of transparency logs, anchored on chain
/// @notice Anyone may anchor; readers choose the submitter they trust.
interface ICheckpointAnchor {
    /// @notice The root of a log after its first `treeSize` entries.
    /// @param anchoredAt seconds since 1970
    /// @param noteHash SHA-256 of the signed note that carries size and root
    struct Checkpoint {
        uint64 treeSize;
        uint64 anchoredAt;
        bytes32 rootHash;
        bytes32 noteHash;
    }

    /// @notice A log's signed root, as of `treeSize` entries.
    event CheckpointAnchored(
        bytes32 indexed logId, address indexed submitter, uint64 indexed treeSize, bytes32 rootHash, bytes32 noteHash
    );

    /// @notice A log without entries is not anchored.
    error EmptyTree();
    /// @notice A log only grows: `latest` entries were anchored already.
    error TreeShrank(uint64 treeSize, uint64 latest);
    /// @notice A log has one root a size: `anchored` was anchored for this one.
    error RootChanged(uint64 treeSize, bytes32 rootHash, bytes32 anchored);

    /// @notice Anchors a checkpoint in the caller's name. Repeating the latest one changes nothing and emits nothing.
    function anchor(bytes32 logId, uint64 treeSize, bytes32 rootHash, bytes32 noteHash) external;

    /// @notice The latest checkpoint of a log by a submitter; all zero while there is none.
    function latest(bytes32 logId, address submitter) external view returns (Checkpoint memory);
}
