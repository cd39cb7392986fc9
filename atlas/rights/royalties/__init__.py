"""Who is owed what: splits, royalty rules, accruals, statements, reconciliation."""
