"""Gluehouse: a Glue-centric Spark job suite that runs unchanged in AWS and on a laptop."""

__version__ = "0.1.0"
