"""The Merkle tree over positions (RFC 6962): its arithmetic, its tiles, and the tree as it is stored."""
