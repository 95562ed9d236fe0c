"""Glue job of stage 2, engine glue_pyspark: staging -> processed by the pipeline's functions."""

from gluehouse.aws.glue import main

if __name__ == "__main__":
    main("process")
