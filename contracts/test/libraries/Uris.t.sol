// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Uris} from "../../src/libraries/Uris.sol";
import {Base} from "../Base.t.sol";

contract UrisTest is Base {
    function isWellFormed(string calldata uri) external pure returns (bool) {
        return Uris.isWellFormed(uri);
    }

    /// @dev A text of "a" with one byte at `place`.
    function textWith(uint8 value, uint256 place, uint256 length) private pure returns (string memory) {
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = "a";
        }
        text[place] = bytes1(value);
        return string(text);
    }

    function test_UsualUrisAreWellFormed() public view {
        vm.assertTrue(this.isWellFormed(""));
        vm.assertTrue(this.isWellFormed("ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi/1.json"));
        vm.assertTrue(this.isWellFormed("data:application/json;base64,eyJmb3JtYXQiOjF9"));
        vm.assertTrue(this.isWellFormed('data:application/json,{"title": "Keeper"}'));
        vm.assertTrue(this.isWellFormed("https://example.org/~a/%C3%A4?b=c&d#e"));
    }

    function test_TextInAnotherScriptIsNot() public view {
        vm.assertFalse(this.isWellFormed(unicode"https://example.org/ä"));
        vm.assertFalse(this.isWellFormed("https://example.org/a\n"));
    }

    function test_EveryByteIsJudgedByItself() public view {
        for (uint256 value = 0; value < 256; ++value) {
            bool expected = value >= 0x20 && value <= 0x7E;
            vm.assertTrue(this.isWellFormed(textWith(uint8(value), 0, 1)) == expected);
            vm.assertTrue(this.isWellFormed(textWith(uint8(value), 31, 32)) == expected);
            vm.assertTrue(this.isWellFormed(textWith(uint8(value), 33, 40)) == expected);
        }
    }

    function testFuzz_OneByteDecidesWhereverItStands(uint8 value, uint256 place, uint256 length) public view {
        length = bound(length, 1, 200);
        place = bound(place, 0, length - 1);
        vm.assertTrue(this.isWellFormed(textWith(value, place, length)) == (value >= 0x20 && value <= 0x7E));
    }

    function testFuzz_AnyTextIsJudgedByteByByte(bytes calldata text) public view {
        bool expected = true;
        for (uint256 i = 0; i < text.length; ++i) {
            if (uint8(text[i]) < 0x20 || uint8(text[i]) > 0x7E) expected = false;
        }
        vm.assertTrue(this.isWellFormed(string(text)) == expected);
    }
}
