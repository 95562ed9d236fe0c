"""The only place with boto3; ``glue.py`` is the only module with awsglue."""
