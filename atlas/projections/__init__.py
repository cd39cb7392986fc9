"""The views: an engine, and one module a view."""
