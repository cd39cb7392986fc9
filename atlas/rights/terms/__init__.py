"""What a license grants, as values: scopes, extents, prices, kinds, and their canonical document."""
