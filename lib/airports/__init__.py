"""The example pipelines' own logic: what a team that uses Gluehouse writes for itself."""
