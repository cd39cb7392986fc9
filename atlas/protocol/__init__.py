"""The vocabulary: ids, money, closed lists, facts, events, envelopes. Pure values, no I/O."""
