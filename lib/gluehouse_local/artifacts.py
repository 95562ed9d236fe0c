"""Fetches what a run's arguments name from the local S3."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError


class LaunchError(Exception):
    """The run cannot be started; the text is its ErrorMessage, worded as Glue words it."""


def download(s3: Any, uri: str, directory: Path) -> Path:
    """The object of an ``s3://bucket/key`` URI as a file of the same name in ``directory``.

    Raises LaunchError when there is no such object.
    """
    parts = urlsplit(uri)
    key = parts.path.lstrip("/")
    if parts.scheme not in ("s3", "s3a") or not parts.netloc or not key:
        raise LaunchError(f"LAUNCH ERROR | {uri!r} is not an s3://bucket/key path.Please refer logs for details.")
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / key.rsplit("/", 1)[-1]
    try:
        target.write_bytes(s3.get_object(Bucket=parts.netloc, Key=key)["Body"].read())
    except ClientError as error:
        reason = error.response["Error"].get("Message") or error.response["Error"]["Code"]
        raise LaunchError(
            f"LAUNCH ERROR | Error downloading from S3 for bucket: {parts.netloc}, key: {key}. {reason} "
            f"({error.response['Error']['Code']}).Please refer logs for details."
        ) from error
    return target


def content_hash(files: list[Path], *texts: str) -> str:
    """24 hex digits over the names and bytes of ``files`` and over ``texts``."""
    digest = hashlib.sha256()
    for text in (*texts, *(part for file in files for part in (file.name, file.read_bytes().hex()))):
        digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()[:24]
