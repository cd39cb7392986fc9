// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CheckpointAnchor} from "../src/CheckpointAnchor.sol";
import {ICheckpointAnchor} from "../src/interfaces/ICheckpointAnchor.sol";
import {Base} from "./Base.t.sol";

contract CheckpointAnchorTest is Base {
    bytes32 private constant LOG = keccak256("log");
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant NOTE = keccak256("note");

    CheckpointAnchor private immutable anchors = new CheckpointAnchor();
    address private immutable alice = actor("alice");
    address private immutable bob = actor("bob");

    function setUp() public {
        vm.warp(1_700_000_000);
        vm.startPrank(alice);
    }

    function test_AnAnchorIsKeptAndAnnounced() public {
        vm.expectEmit(address(anchors));
        emit ICheckpointAnchor.CheckpointAnchored(LOG, alice, 10, ROOT, NOTE);
        anchors.anchor(LOG, 10, ROOT, NOTE);
        ICheckpointAnchor.Checkpoint memory latest = anchors.latest(LOG, alice);
        vm.assertEq(latest.treeSize, 10);
        vm.assertEq(latest.anchoredAt, 1_700_000_000);
        vm.assertEq(latest.rootHash, ROOT);
        vm.assertEq(latest.noteHash, NOTE);
    }

    function testFuzz_ALargerTreeReplacesASmallerOne(uint64 first, uint64 second, bytes32 root) public {
        first = uint64(bound(first, 1, type(uint64).max - 1));
        second = uint64(bound(second, first + 1, type(uint64).max));
        anchors.anchor(LOG, first, ROOT, NOTE);
        anchors.anchor(LOG, second, root, NOTE);
        vm.assertEq(anchors.latest(LOG, alice).treeSize, second);
        vm.assertEq(anchors.latest(LOG, alice).rootHash, root);
    }

    function testFuzz_ATreeNeverShrinks(uint64 first, uint64 second) public {
        first = uint64(bound(first, 2, type(uint64).max));
        second = uint64(bound(second, 1, first - 1));
        anchors.anchor(LOG, first, ROOT, NOTE);
        vm.expectRevert(abi.encodeWithSelector(ICheckpointAnchor.TreeShrank.selector, second, first));
        anchors.anchor(LOG, second, ROOT, NOTE);
    }

    function testFuzz_OneSizeHasOneRoot(bytes32 other) public {
        vm.assume(other != ROOT);
        anchors.anchor(LOG, 10, ROOT, NOTE);
        vm.expectRevert(abi.encodeWithSelector(ICheckpointAnchor.RootChanged.selector, 10, other, ROOT));
        anchors.anchor(LOG, 10, other, NOTE);
    }

    function test_RepeatingTheLatestChangesAndEmitsNothing() public {
        anchors.anchor(LOG, 10, ROOT, NOTE);
        vm.warp(1_700_000_100);
        vm.recordLogs();
        anchors.anchor(LOG, 10, ROOT, NOTE);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.assertEq(anchors.latest(LOG, alice).anchoredAt, 1_700_000_000);
    }

    function test_TheSameRootCanGetANewNote() public {
        anchors.anchor(LOG, 10, ROOT, NOTE);
        vm.expectEmit(address(anchors));
        emit ICheckpointAnchor.CheckpointAnchored(LOG, alice, 10, ROOT, keccak256("cosigned"));
        anchors.anchor(LOG, 10, ROOT, keccak256("cosigned"));
        vm.assertEq(anchors.latest(LOG, alice).noteHash, keccak256("cosigned"));
    }

    function test_AnEmptyTreeIsRefused() public {
        vm.expectRevert(ICheckpointAnchor.EmptyTree.selector);
        anchors.anchor(LOG, 0, ROOT, NOTE);
    }

    function test_SubmittersDoNotTouchEachOther() public {
        anchors.anchor(LOG, 10, ROOT, NOTE);
        vm.stopPrank();
        vm.prank(bob);
        anchors.anchor(LOG, 3, keccak256("other"), NOTE);
        vm.assertEq(anchors.latest(LOG, alice).treeSize, 10);
        vm.assertEq(anchors.latest(LOG, alice).rootHash, ROOT);
        vm.assertEq(anchors.latest(LOG, bob).treeSize, 3);
    }

    function test_LogsDoNotTouchEachOther() public {
        anchors.anchor(LOG, 10, ROOT, NOTE);
        anchors.anchor(keccak256("another log"), 3, keccak256("other"), NOTE);
        vm.assertEq(anchors.latest(LOG, alice).treeSize, 10);
    }

    function test_AnUnknownLogHasNoCheckpoint() public view {
        vm.assertEq(anchors.latest(LOG, bob).treeSize, 0);
    }
}
