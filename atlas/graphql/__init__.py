"""The public query API: GraphQL selections compiled to SQL over the projected views."""
