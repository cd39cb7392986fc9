"""A reader of a tiled log that shares no code with the ledger: hashing, names and signatures are its own.

Written from the texts of C2SP signed-note, tlog-checkpoint and tlog-tiles and of RFC 6962, section 2.1.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Fetch = Callable[[str], bytes]


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 over leaf hashes, as the recursion stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def path(level: str, index: int, width: int) -> str:
    digits = str(index).zfill(-(-len(str(index)) // 3) * 3)
    groups = [digits[place : place + 3] for place in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")


def read_checkpoint(data: bytes, vkey: str) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint that the key has signed."""
    name, key_id, key = vkey.split("+", 2)
    public_key = base64.b64decode(key)[1:]
    text, _, signatures = data.decode().rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, encoded = line.split(" ")
        signature = base64.b64decode(encoded)
        if (dash, signer, signature[:4].hex()) == ("—", name, key_id):
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature[4:], text.encode())
            origin, size, root = text.splitlines()[:3]
            return origin, int(size), base64.b64decode(root)
    raise AssertionError("not signed by the key")


def tiles_of(size: int, level: int) -> list[tuple[int, int]]:
    """Index and width of every tile of a level in a tree of ``size`` leaves."""
    nodes = size // 256**level
    tiles = [(index, 256) for index in range(nodes // 256)]
    return [*tiles, (nodes // 256, nodes % 256)] if nodes % 256 else tiles


def read_entries(fetch: Fetch, size: int) -> list[bytes]:
    entries: list[bytes] = []
    for index, width in tiles_of(size, 0):
        bundle = fetch(path("entries", index, width))
        count = 0
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            assert len(bundle) >= 2 + length
            entries.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]
            count += 1
        assert count == width
    return entries


def check_tiles(fetch: Fetch, size: int, leaves: Sequence[bytes]) -> None:
    """Every tile of every level, byte for byte: MTH over its leaves."""
    level = 0
    while size >> (8 * level):
        span = 256**level
        for index, width in tiles_of(size, level):
            begin = index * 256
            hashes = [tree_hash(leaves[n * span : (n + 1) * span]) for n in range(begin, begin + width)]
            assert fetch(path(str(level), index, width)) == b"".join(hashes), (level, index, width)
        level += 1


def audit(fetch: Fetch, vkey: str) -> list[bytes]:
    """The log's entries, when they, the tiles and the signed checkpoint agree."""
    _, size, root = read_checkpoint(fetch("checkpoint"), vkey)
    entries = read_entries(fetch, size)
    leaves = [leaf(entry) for entry in entries]
    assert tree_hash(leaves) == root
    check_tiles(fetch, size, leaves)
    return entries
