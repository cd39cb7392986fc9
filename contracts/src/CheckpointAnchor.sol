// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICheckpointAnchor} from "./interfaces/ICheckpointAnchor.sol";

/// @title Signed roots of transparency logs, anchored on chain
/// @notice A submitter can neither take an anchored root back nor anchor two roots for one size.
contract CheckpointAnchor is ICheckpointAnchor {
    mapping(bytes32 logId => mapping(address submitter => Checkpoint)) private _latest;

    /// @inheritdoc ICheckpointAnchor
    function anchor(bytes32 logId, uint64 treeSize, bytes32 rootHash, bytes32 noteHash) external {
        if (treeSize == 0) revert EmptyTree();
        Checkpoint storage last = _latest[logId][msg.sender];
        if (treeSize < last.treeSize) revert TreeShrank(treeSize, last.treeSize);
        if (treeSize == last.treeSize) {
            if (rootHash != last.rootHash) revert RootChanged(treeSize, rootHash, last.rootHash);
            if (noteHash == last.noteHash) return;
        }
        _latest[logId][msg.sender] = Checkpoint(treeSize, uint64(block.timestamp), rootHash, noteHash);
        emit CheckpointAnchored(logId, msg.sender, treeSize, rootHash, noteHash);
    }

    /// @inheritdoc ICheckpointAnchor
    function latest(bytes32 logId, address submitter) external view returns (Checkpoint memory) {
        return _latest[logId][submitter];
    }
}
