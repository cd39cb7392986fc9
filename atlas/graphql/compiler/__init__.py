"""From a selection to one SQL statement a root."""
