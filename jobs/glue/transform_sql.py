"""Glue job of stage 2, engine glue_sql: staging -> processed by the SQL file that --sql_uri names."""

from gluehouse.aws.glue import main

if __name__ == "__main__":
    main("process")
