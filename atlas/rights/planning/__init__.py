"""What a planned work still lacks, and the cheapest offers that give it."""
