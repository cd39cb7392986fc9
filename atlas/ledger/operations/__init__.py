"""What an operator does with a log: archive, drop, restore, redact; its figures and metrics."""
