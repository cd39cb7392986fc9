"""What to index: contracts, factories and their children, events of any address, and where each begins."""
