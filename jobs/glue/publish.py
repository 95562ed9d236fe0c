"""Glue job of stage 4: processed -> curated."""

from gluehouse.aws.glue import main

if __name__ == "__main__":
    main("publish")
