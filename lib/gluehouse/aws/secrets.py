"""Secrets: from Secrets Manager, or from a variable where a stage is debugged without AWS.

The salt of hashes and tokens, and the connections of warehouses. Each is read by the stage that needs it. What is
answered shows itself neither in logs nor in tracebacks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

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
        raise _refused("the environment names no secret", "Deploy deploy/template.yaml again: it makes one.", _SALT)
    found = _read(secret, _SALT)
    if len(found.get_secret_value()) < _LEAST_BYTES:
        raise _refused(f"{secret} has fewer than {_LEAST_BYTES} bytes", "Give it 64 random letters and digits.", _SALT)
    return found


def read_connection(secret: str) -> SecretBytes:
    """The JSON of a warehouse's connection, read anew each time, so that a rotated password is a new connection's.

    Raises ConfigError GH1110 where there is none or it may not be read, InfrastructureError GH9001 as ``read_salt``.
    """
    return _read(secret, _CONNECTION)


@dataclass(frozen=True)
class _Purpose:
    """What a secret is for: the code of its refusal, who needs it, and what to do without the variable or the right."""

    code: str
    needs: str
    unset: str
    unreadable: str


_SALT = _Purpose(
    "GH1090",
    "the contract has hashes or tokens, but",
    "Set {} to 32 or more random characters; keep it.",
    "Deploy deploy/template.yaml again: it makes the secret, and lets the job read it.",
)
_CONNECTION = _Purpose(
    "GH1110",
    "a target is a warehouse, but",
    "Set {} to the JSON that docs/targets.md shows.",
    "Make the secret, and name its ARN in the template's parameter WarehouseSecretArns.",
)


def _read(secret: str, purpose: _Purpose) -> SecretBytes:
    if secret.startswith(_VARIABLE):
        return _of_variable(secret.removeprefix(_VARIABLE), purpose)
    return _of_service(secret, purpose)


def _of_variable(name: str, purpose: _Purpose) -> SecretBytes:
    if name not in os.environ:
        raise _refused(f"the variable {name} is not set", purpose.unset.format(name), purpose)
    return SecretBytes(os.environ[name].encode())


def _of_service(secret: str, purpose: _Purpose) -> SecretBytes:
    try:
        with passing_faults(f"reading the secret {secret}"):
            answer = boto3.client("secretsmanager").get_secret_value(SecretId=secret)
    except ClientError as error:
        if code_of_fault(error) not in _UNREADABLE:
            raise
        # The service's own words are left out: only its code is sure to quote nothing.
        found = f"{secret} cannot be read ({code_of_fault(error)})"
        raise _refused(found, purpose.unreadable, purpose) from None
    return SecretBytes(answer["SecretString"].encode() if "SecretString" in answer else answer["SecretBinary"])


def _refused(found: str, hint: str, purpose: _Purpose) -> ConfigError:
    return ConfigError(purpose.code, f"{purpose.needs} {found}.", hint)
