"""The four stages as plain functions over a context: ingest, process, validate, publish; and all four in one run."""
