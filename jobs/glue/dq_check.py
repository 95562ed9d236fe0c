"""Glue job of stage 3: processed -> verdict."""

from gluehouse.aws.glue import main

if __name__ == "__main__":
    main("validate")
