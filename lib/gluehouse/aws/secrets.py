"""The salt of hashes and tokens: from Secrets Manager, or from a variable where a stage is debugged without AWS.

It is read once a run, by the stage that needs it. What is answered shows itself neither in logs nor in tracebacks.
"""

from __future__ import annotations

import os

import boto3
from botocore.exceptions import ClientError
from pydantic import SecretBytes

from gluehouse.aws.faults import code_of_fault, passing_faults
from gluehouse.errors import ConfigError

_VARIABLE = "env:"
# RFC 2104 advises against keys of HMAC that are shorter than its output.
_LEAST_BYTES = 32
_UNREADABLE = {"ResourceNotFoundException", "AccessDeniedException", "DecryptionFailure", "InvalidRequestException"}


def read_salt(secret: str | None) -> SecretBytes:
    """The current value of ``secret``: a name or ARN of Secrets Manager, or ``env:VARIABLE``.

    Raises ConfigError GH1090 where there is none, it may not be read, or it is shorter than 32 bytes, and
    InfrastructureError GH9001 where the service fails for a moment.
    """
    if secret is None:
        raise _refused("the environment names no secret", "Deploy deploy/template.yaml again: it makes one.")
    found = _of_variable(secret) if secret.startswith(_VARIABLE) else _of_service(secret)
    if len(found.get_secret_value()) < _LEAST_BYTES:
        raise _refused(f"{secret} has fewer than {_LEAST_BYTES} bytes", "Give it 64 random letters and digits.")
    return found


def _of_variable(secret: str) -> SecretBytes:
    name = secret.removeprefix(_VARIABLE)
    if name not in os.environ:
        raise _refused(f"the variable {name} is not set", f"Set {name} to 32 or more random characters; keep it.")
    return SecretBytes(os.environ[name].encode())


def _of_service(secret: str) -> SecretBytes:
    try:
        with passing_faults(f"reading the secret {secret}"):
            answer = boto3.client("secretsmanager").get_secret_value(SecretId=secret)
    except ClientError as error:
        if code_of_fault(error) not in _UNREADABLE:
            raise
        # The service's own words are left out: only its code is sure to quote nothing.
        raise _refused(
            f"{secret} cannot be read ({code_of_fault(error)})",
            "Deploy deploy/template.yaml again: it makes the secret, and lets the job read it.",
        ) from None
    return SecretBytes(answer["SecretString"].encode() if "SecretString" in answer else answer["SecretBinary"])


def _refused(found: str, hint: str) -> ConfigError:
    return ConfigError("GH1090", f"the contract has hashes or tokens, but {found}.", hint)
