"""Questions that the rights engine answers over rows of the views: decisions, conflicts, gaps, royalties."""
