// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BasisPoints} from "../../src/libraries/BasisPoints.sol";
import {RevenueSplit} from "../../src/libraries/RevenueSplit.sol";
import {Base} from "../Base.t.sol";

contract RevenueSplitTest is Base {
    /// @dev Cuts 10,000 basis points into `count` shares of at least 1, at places drawn from the seed.
    function randomShares(uint256 seed, uint256 count) private pure returns (uint16[] memory sharesBps) {
        sharesBps = new uint16[](count);
        uint256 left = 10_000;
        for (uint256 i = 0; i + 1 < count; ++i) {
            uint256 most = (left - (count - i - 1)) / 2 + 1;
            uint256 share = bound(uint256(keccak256(abi.encode(seed, i))), 1, most);
            sharesBps[i] = uint16(share);
            left -= share;
        }
        sharesBps[count - 1] = uint16(left);
    }

    function testFuzz_PartsAddUpToTheAmount(uint256 amount, uint256 seed, uint256 count) public pure {
        uint16[] memory sharesBps = randomShares(seed, bound(count, 1, 256));
        uint256[] memory parts = RevenueSplit.split(amount, sharesBps);
        uint256 total;
        for (uint256 i = 0; i < parts.length; ++i) {
            total += parts[i];
        }
        vm.assertEq(total, amount);
    }

    function testFuzz_LeftoverGoesToTheFirstListedOneWeiEach(uint256 amount, uint256 seed, uint256 count) public pure {
        uint16[] memory sharesBps = randomShares(seed, bound(count, 1, 256));
        uint256[] memory parts = RevenueSplit.split(amount, sharesBps);
        bool exhausted = false;
        for (uint256 i = 0; i < parts.length; ++i) {
            uint256 extra = parts[i] - BasisPoints.part(amount, sharesBps[i]);
            vm.assertLe(extra, exhausted ? 0 : 1);
            exhausted = extra == 0;
        }
    }

    function test_WorkedSplitOf101Wei() public pure {
        uint16[] memory sharesBps = new uint16[](3);
        (sharesBps[0], sharesBps[1], sharesBps[2]) = (3_333, 3_333, 3_334);
        uint256[] memory parts = RevenueSplit.split(101, sharesBps);
        // Exact: 33.66, 33.66, 33.67; floors 33 each leave 2 wei for the first two.
        vm.assertEq(parts[0], 34);
        vm.assertEq(parts[1], 34);
        vm.assertEq(parts[2], 33);
    }
}
