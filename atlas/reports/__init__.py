"""Quarterly treasury reports and statements."""
