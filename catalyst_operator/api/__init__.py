"""The API: pydantic models that are the single source of the CRDs, the reference and what the operator
parses."""
