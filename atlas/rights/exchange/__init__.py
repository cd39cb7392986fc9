"""Terms in the formats of others: Avails, CAWG."""
