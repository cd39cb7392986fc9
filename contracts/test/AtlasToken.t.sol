// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AtlasToken} from "../src/AtlasToken.sol";
import {Base} from "./Base.t.sol";

contract AtlasTokenTest is Base {
    address private immutable holder = actor("holder");
    address private immutable friend = actor("friend");
    AtlasToken private immutable token = new AtlasToken(holder);

    function test_WholeSupplyGoesToTheHolder() public view {
        vm.assertEq(token.totalSupply(), 1_000_000_000e18);
        vm.assertEq(token.balanceOf(holder), 1_000_000_000e18);
        vm.assertEq(token.decimals(), 18);
        vm.assertEq(token.symbol(), "ATLAS");
    }

    function test_NobodyCanMint() public {
        string[4] memory signatures =
            ["mint(address,uint256)", "mint(uint256)", "_mint(address,uint256)", "issue(uint256)"];
        for (uint256 i = 0; i < signatures.length; ++i) {
            vm.prank(holder);
            (bool succeeded,) = address(token).call(abi.encodeWithSignature(signatures[i], holder, 1));
            vm.assertFalse(succeeded);
        }
    }

    function testFuzz_BurningLowersTheSupplyByAsMuch(uint256 amount) public {
        amount = bound(amount, 0, token.MAX_SUPPLY());
        vm.prank(holder);
        token.burn(amount);
        vm.assertEq(token.totalSupply(), token.MAX_SUPPLY() - amount);
        vm.assertEq(token.balanceOf(holder), token.MAX_SUPPLY() - amount);
    }

    function testFuzz_NobodyBurnsOrMovesForeignTokens(address stranger, uint256 amount) public {
        vm.assume(stranger != holder && stranger != address(0));
        amount = bound(amount, 1, token.MAX_SUPPLY());
        vm.startPrank(stranger);
        vm.expectRevert();
        token.burnFrom(holder, amount);
        vm.expectRevert();
        token.transferFrom(holder, stranger, amount);
        vm.expectRevert();
        token.burn(amount);
    }

    function test_PermitSetsAnAllowanceBySignature() public {
        uint256 key = uint256(keccak256("holder"));
        uint256 deadline = block.timestamp + 1 hours;
        bytes32 permit = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                holder,
                friend,
                5e18,
                token.nonces(holder),
                deadline
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), permit)));
        token.permit(holder, friend, 5e18, deadline, v, r, s);
        vm.assertEq(token.allowance(holder, friend), 5e18);
        vm.assertEq(token.nonces(holder), 1);
    }

    function test_VotesAreCountedByTime() public {
        vm.warp(1_000);
        vm.prank(holder);
        token.delegate(friend);
        vm.warp(2_000);
        vm.prank(holder);
        token.burn(1e18);
        vm.warp(3_000);
        vm.assertEq(token.CLOCK_MODE(), "mode=timestamp");
        vm.assertEq(token.clock(), 3_000);
        vm.assertEq(token.getPastVotes(friend, 1_500), token.MAX_SUPPLY());
        vm.assertEq(token.getPastVotes(friend, 2_500), token.MAX_SUPPLY() - 1e18);
        vm.assertEq(token.getPastTotalSupply(1_500), token.MAX_SUPPLY());
    }
}

/// @notice Moves and burns tokens among four people, and remembers what was burned.
contract AtlasTokenHandler is Base {
    AtlasToken private immutable token;
    address[4] public people = [actor("holder"), actor("one"), actor("two"), actor("three")];
    uint256 public burned;

    constructor() {
        token = new AtlasToken(people[0]);
    }

    function tokenUnderTest() external view returns (AtlasToken) {
        return token;
    }

    function transfer(uint256 from, uint256 to, uint256 amount) external {
        address sender = people[from % 4];
        amount = bound(amount, 0, token.balanceOf(sender));
        vm.prank(sender);
        vm.assertTrue(token.transfer(people[to % 4], amount));
    }

    function burn(uint256 from, uint256 amount) external {
        address sender = people[from % 4];
        amount = bound(amount, 0, token.balanceOf(sender));
        burned += amount;
        vm.prank(sender);
        token.burn(amount);
    }

    function burnFrom(uint256 from, uint256 by, uint256 amount) external {
        address owner = people[from % 4];
        amount = bound(amount, 0, token.balanceOf(owner));
        burned += amount;
        vm.prank(owner);
        token.approve(people[by % 4], amount);
        vm.prank(people[by % 4]);
        token.burnFrom(owner, amount);
    }

    function held() external view returns (uint256 total) {
        for (uint256 i = 0; i < 4; ++i) {
            total += token.balanceOf(people[i]);
        }
    }
}

contract AtlasTokenInvariants is Base {
    AtlasTokenHandler private handler;
    AtlasToken private token;

    function setUp() public {
        handler = new AtlasTokenHandler();
        token = handler.tokenUnderTest();
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = AtlasTokenHandler.transfer.selector;
        selectors[1] = AtlasTokenHandler.burn.selector;
        selectors[2] = AtlasTokenHandler.burnFrom.selector;
        target(address(handler), selectors);
    }

    function invariant_SupplyIsWhatWasIssuedLessWhatWasBurned() public view {
        vm.assertEq(token.totalSupply(), token.MAX_SUPPLY() - handler.burned());
    }

    function invariant_BalancesAddUpToTheSupply() public view {
        vm.assertEq(handler.held(), token.totalSupply());
    }
}
