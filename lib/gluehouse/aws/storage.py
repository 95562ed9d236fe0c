"""Small texts by URI (plans, manifests, artifacts): ``s3://`` through boto3, anything else a local path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from gluehouse.aws.faults import code_of_fault, passing_faults
from gluehouse.errors import ConfigError

_ABSENT = {"NoSuchKey", "NoSuchBucket", "404"}


def read_text(uri: str) -> str:
    """The whole text; raises ConfigError GH1040 where nothing is there, InfrastructureError GH9001 where S3 fails."""
    return read_bytes(uri).decode("utf-8")


def read_texts(uris: Sequence[str]) -> list[str]:
    """Many small texts, in the order of ``uris``, several at a time; raises as ``read_text``."""
    if not any(uri.startswith("s3://") for uri in uris):
        return [read_text(uri) for uri in uris]
    # One client for all threads: making one takes longer than what it reads here, and is not safe beside another.
    client = _client()
    with ThreadPoolExecutor(max_workers=8) as readers:
        return [content.decode("utf-8") for content in readers.map(lambda uri: read_bytes(uri, client), uris)]


def read_bytes(uri: str, client: Any = None) -> bytes:
    """The whole object; raises as ``read_text``."""
    if not uri.startswith("s3://"):
        return _read_file(uri)
    bucket, key = split(uri)
    try:
        with passing_faults(f"reading {uri}"):
            body: bytes = (client or _client()).get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if code_of_fault(error) in _ABSENT:
            raise ConfigError("GH1040", f"{uri} does not exist.", "Publish it, or correct the URI.") from error
        raise
    return body


def write_text(uri: str, text: str, content_type: str = "application/json") -> None:
    """Write the whole text at once; raises InfrastructureError GH9001 where S3 fails."""
    write_bytes(uri, text.encode("utf-8"), content_type)


def write_bytes(uri: str, content: bytes, content_type: str = "application/octet-stream") -> None:
    """Write the whole object at once; raises as ``write_text``."""
    if not uri.startswith("s3://"):
        path = _path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(content)
        part.replace(path)
        return
    bucket, key = split(uri)
    with passing_faults(f"writing {uri}"):
        _client().put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type)


def list_uris(prefix: str) -> list[str]:
    """The URIs of all objects whose URI begins with ``prefix``, sorted; raises InfrastructureError GH9001."""
    if not prefix.startswith("s3://"):
        return sorted(str(path) for path in _path(prefix).rglob("*") if path.is_file())
    bucket, key = split(prefix)
    with passing_faults(f"listing {prefix}"):
        pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        return sorted(f"s3://{bucket}/{found['Key']}" for page in pages for found in page.get("Contents", ()))


def list_folders(prefix: str) -> list[str]:
    """The folders right below ``prefix``, sorted, each with a / at its end like ``prefix``; raises as ``list_uris``."""
    if not prefix.startswith("s3://"):
        place = _path(prefix)
        return sorted(f"{path}/" for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    bucket, key = split(prefix)
    with passing_faults(f"listing {prefix}"):
        pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key, Delimiter="/")
        return sorted(f"s3://{bucket}/{one['Prefix']}" for page in pages for one in page.get("CommonPrefixes", ()))


def delete(uris: Iterable[str]) -> None:
    """Delete each object; one that is not there is no error. Raises InfrastructureError GH9001."""
    for uri in uris:
        if not uri.startswith("s3://"):
            _path(uri).unlink(missing_ok=True)
            continue
        bucket, key = split(uri)
        with passing_faults(f"deleting {uri}"):
            _client().delete_object(Bucket=bucket, Key=key)


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of an ``s3://`` URI.

    >>> split("s3://landing/airports/2024-08-06.csv.gz")
    ('landing', 'airports/2024-08-06.csv.gz')
    """
    # Not urlsplit: a key may contain '?' and '#'.
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _read_file(uri: str) -> bytes:
    path = _path(uri)
    if not path.is_file():
        raise ConfigError("GH1040", f"{uri} does not exist.", "Publish it, or correct the path.")
    return path.read_bytes()


def _path(uri: str) -> Path:
    return Path(urlsplit(uri).path if uri.startswith("file:") else uri)


def _client() -> Any:
    return boto3.client("s3")
