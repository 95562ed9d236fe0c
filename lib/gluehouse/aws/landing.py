"""What lies in the landing zone: objects, listed, looked up, and their first and last bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from gluehouse.aws.faults import code_of_fault, passing_faults
from gluehouse.aws.storage import split
from gluehouse.errors import InputError
from gluehouse.spec.plan import ObjectRef

_ABSENT = {"404", "NoSuchKey", "NotFound"}
# The range of a shorter object that took its place cannot be had either.
_CHANGED = {"412", "416", "PreconditionFailed", "InvalidRange"}


class Listed(NamedTuple):
    arrived_at: datetime
    found: ObjectRef


class Landing:
    """Read-only view of the landing zone over an S3 client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def look_up(self, uri: str) -> ObjectRef | None:
        """The object as it is now, or None where there is none."""
        bucket, key = split(uri)
        try:
            with passing_faults(f"looking up {uri}"):
                head = self._client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code_of_fault(error) in _ABSENT:
                return None
            raise
        return ObjectRef(uri=uri, size=head["ContentLength"], etag=_plain(head["ETag"]))

    def under(self, prefix_uri: str) -> list[Listed]:
        """Every object below a prefix, the oldest first; folder markers left out."""
        bucket, prefix = split(prefix_uri)
        listed: list[Listed] = []
        with passing_faults(f"listing {prefix_uri}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    if not entry["Key"].endswith("/"):
                        found = ObjectRef(
                            uri=f"s3://{bucket}/{entry['Key']}",
                            size=entry["Size"],
                            etag=_plain(entry["ETag"]),
                        )
                        listed.append(Listed(entry["LastModified"], found))
        return sorted(listed, key=lambda one: (one.arrived_at, one.found.uri))

    def outermost(self, found: ObjectRef, head: int, tail: int) -> tuple[bytes, bytes]:
        """The first ``head`` and the last ``tail`` bytes of an object that is not empty.

        Raises InputError GH2003 where it is gone meanwhile, GH2007 where another stands in its place.
        """
        first = self._range(found, 0, min(head, found.size) - 1)
        if found.size <= head:
            return first, first[-tail:]
        return first, self._range(found, found.size - tail, found.size - 1)

    def _range(self, found: ObjectRef, start: int, end: int) -> bytes:
        bucket, key = split(found.uri)
        asked = {"Range": f"bytes={start}-{end}", "IfMatch": f'"{found.etag}"'}
        try:
            with passing_faults(f"reading {found.uri}"):
                body: bytes = self._client.get_object(Bucket=bucket, Key=key, **asked)["Body"].read()
        except ClientError as error:
            problem = _moved_on(found, error)
            if problem is None:
                raise
            raise problem from error
        return body


def _moved_on(found: ObjectRef, error: ClientError) -> InputError | None:
    """What became of an object since it was looked up, or None where S3 complains of something else."""
    if code_of_fault(error) in _ABSENT:
        return InputError("GH2003", f"{found.uri} was deleted while it was looked at.", "Deliver it again.")
    if code_of_fault(error) in _CHANGED:
        return InputError(
            "GH2007",
            f"{found.uri} was overwritten while it was looked at.",
            "The new content is a batch of its own, started by its own event.",
        )
    return None


def _plain(etag: str) -> str:
    return etag.strip('"')
