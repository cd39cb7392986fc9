"""GraphQL over HTTP: the application, its middleware, requests, responses and metrics."""
