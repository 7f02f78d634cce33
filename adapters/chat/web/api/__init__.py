"""The JSON API under `/api/v1`: one module per resource. Parse, hand over one command, translate the result."""
