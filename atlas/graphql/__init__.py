"""The GraphQL API: schema, compiler from selection to SQL, server."""
