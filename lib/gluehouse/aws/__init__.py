"""The only place with boto3; only ``glue.py`` and ``data_quality.py`` know awsglue."""
