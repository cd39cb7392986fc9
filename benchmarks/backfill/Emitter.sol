// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// What emitter.json was compiled from: ERC-20 transfers between accounts of a pool, with values 1, 2, 3 ...
contract Emitter {
    event Transfer(address indexed from, address indexed to, uint256 value);

    uint256 public nonce;

    function run(uint256 n, uint256 pool) external {
        uint256 k = nonce;
        for (uint256 i = 0; i < n; i++) {
            uint256 h = uint256(keccak256(abi.encode(k)));
            emit Transfer(address(uint160(0x100000 + (h % pool))), address(uint160(0x100000 + ((h >> 128) % pool))), k + 1);
            k++;
        }
        nonce = k;
    }
}
