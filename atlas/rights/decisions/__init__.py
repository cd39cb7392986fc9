"""May X do Y with Z, there and then: verdicts with reasons, duties, conflicts."""
