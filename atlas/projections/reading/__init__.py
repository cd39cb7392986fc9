"""From recorded facts to the typed values and columns that handlers take."""
