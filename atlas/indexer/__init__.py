"""Everything that comes in: EVM chains and GPU workers."""
