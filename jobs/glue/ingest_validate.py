"""Glue job of stage 1: landing -> staging + quarantine."""

from gluehouse.aws.glue import main

if __name__ == "__main__":
    main("ingest")
