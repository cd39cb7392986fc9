"""OpenTelemetry spans as generation records."""
