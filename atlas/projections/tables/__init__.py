"""The tables of a view: declared once, written row by row or by column, looked up by keys."""
