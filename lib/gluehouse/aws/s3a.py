"""Spark's way to S3 from a machine that is no Glue: the place and the credentials that boto3 would use."""

from __future__ import annotations

import os

import boto3

from gluehouse.errors import ConfigError


def settings() -> dict[str, str]:
    """Settings of S3A for ``s3://``; raises ConfigError GH1062 where there are no credentials."""
    session = boto3.Session()
    found = session.get_credentials()
    if found is None:
        raise ConfigError(
            "GH1062",
            "there are no AWS credentials here.",
            "Set them as for the AWS CLI; for the laptop's AWS set what `python -m gluehouse_local start` prints.",
        )
    frozen = found.get_frozen_credentials()
    provider = "TemporaryAWSCredentialsProvider" if frozen.token else "SimpleAWSCredentialsProvider"
    named = {
        "access.key": frozen.access_key,
        "secret.key": frozen.secret_key,
        "session.token": frozen.token,
        "endpoint.region": session.region_name,
        "aws.credentials.provider": f"org.apache.hadoop.fs.s3a.{provider}",
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        secure = str(endpoint.startswith("https:")).lower()
        named |= {"endpoint": endpoint, "path.style.access": "true", "connection.ssl.enabled": secure}
    return {
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        **{f"spark.hadoop.fs.s3a.{name}": value for name, value in named.items() if value},
    }
