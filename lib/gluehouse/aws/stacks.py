"""What a deployed stack says of itself."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError

from gluehouse.errors import ConfigError


def outputs(stack: str) -> dict[str, str]:
    """The stack's outputs by name; raises ConfigError GH1061 where no such stack is."""
    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        raise ConfigError(
            "GH1061",
            f"there is no stack {stack} in this account and region.",
            "Name it with --stack; for the laptop's AWS set what `python -m gluehouse_local start` prints.",
        ) from error
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}
