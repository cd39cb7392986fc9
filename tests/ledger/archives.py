"""A small archive: three partitions of a log, its key."""

from atlas.ledger.archive.manifests import Range
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.notes import Signer

SIGNER = Signer("log.example.org/ledger", bytes(range(32)))
RING = KeyRing(SIGNER.verifier)
SIZE = 256
PARTS = [Range(1, 256), Range(257, 512), Range(513, 768)]
