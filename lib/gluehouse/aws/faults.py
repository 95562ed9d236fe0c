"""AWS's passing faults, told from our own mistakes: only the former are worth a second try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, HTTPClientError

from gluehouse.errors import InfrastructureError

_PASSING = {
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}


def is_passing(error: ClientError | BotoCoreError) -> bool:
    """Whether the fault may be gone a moment later: throttling, a 5xx, no connection."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of_fault(error) in _PASSING or status >= 500
    return isinstance(error, EndpointConnectionError | HTTPClientError)


def code_of_fault(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def passing_faults(doing: str) -> Iterator[None]:
    """Turn a passing fault while ``doing`` something into InfrastructureError GH9001; others pass through."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        if is_passing(error):
            raise InfrastructureError("GH9001", f"{doing} failed for a moment: {error}.", "Run it again.") from error
        raise
