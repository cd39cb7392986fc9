"""C2PA signing, content, anchoring, offline verification."""
