// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Which text can be a URI
library Uris {
    /// @dev One of each of these bytes at every place of a word.
    uint256 private constant ONES = type(uint256).max / 255;
    uint256 private constant HIGH_BITS = 0x80 * ONES;
    uint256 private constant LOWEST = 0x20 * ONES;

    /// @notice Whether every byte is printable ASCII (0x20 to 0x7E): what RFC 3986 allows, and what documents in data:
    ///         URIs are often left with. An empty text is well formed: there is no document.
    /// @dev A string of Solidity may hold any bytes. Readers must find text in an event, or they cannot read it at all:
    ///      bytes that are not UTF-8 would hide from them what did happen.
    function isWellFormed(string calldata uri) internal pure returns (bool) {
        bytes calldata text = bytes(uri);
        uint256 length = text.length;
        for (uint256 i = 0; i < length; i += 32) {
            // The slice is filled up with zeros, which are made valid where the text has ended.
            uint256 end = length - i < 32 ? length : i + 32;
            uint256 word = uint256(bytes32(text[i:end]));
            if (end - i < 32) word |= LOWEST >> 8 * (end - i);
            if (!_isPrintable(word)) return false;
        }
        return true;
    }

    /// @dev No byte carries into its neighbour: the first test leaves 7 bits each, and the others stay within 8.
    function _isPrintable(uint256 word) private pure returns (bool) {
        if (word & HIGH_BITS != 0) return false;
        if (((word | HIGH_BITS) - LOWEST) & HIGH_BITS != HIGH_BITS) return false;
        return (word + ONES) & HIGH_BITS == 0;
    }
}
