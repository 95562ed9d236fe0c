"""Glue job of execution: fused: all four stages in one run and one Spark session."""

from gluehouse.aws.glue import main

if __name__ == "__main__":
    main("fused")
