"""boto3 clients of the local endpoint that nothing on this machine can send to a real account."""

from __future__ import annotations

import os
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from gluehouse_local.spark_settings import DUMMY_KEY

# Name: (in the config file, environment variables, default, conversion). A profile of this machine, its keys and its
# settings must neither be used nor missed.
_UNTOUCHED = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def client(service: str, endpoint: str) -> Any:
    """A client of ``service`` at ``endpoint``, with a dummy key; it does not retry, for nothing is far away."""
    session = boto3.session.Session(botocore_session=botocore.session.Session(session_vars=_UNTOUCHED))
    create: Any = session.client  # its types name every service
    return create(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=DUMMY_KEY,
        aws_secret_access_key=DUMMY_KEY,
        config=Config(
            proxies={}, inject_host_prefix=False, retries={"max_attempts": 1}, s3={"addressing_style": "path"}
        ),
    )
