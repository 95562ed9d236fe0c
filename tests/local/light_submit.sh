#!/bin/sh
# Stands where spark-submit stands, for tests of everything but Spark: the same command line, without a JVM.
while [ "$1" = "--conf" ] || [ "$1" = "--properties-file" ]; do shift 2; done
"$PYSPARK_DRIVER_PYTHON" "$@" 2>&1
