"""Reading everything again and comparing it with what was signed."""
