"""One endpoint, spoken to over JSON-RPC: transport, calls, refusals, secrets masked."""
