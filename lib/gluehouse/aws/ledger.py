"""The run ledger in DynamoDB: one item a delivery, every change of owner a conditional write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from gluehouse.aws.faults import code_of_fault, passing_faults
from gluehouse.errors import LockError
from gluehouse.spec.ledger import LedgerRow, Published, Status

BY_RUN = "by_run"
_write, _read = TypeSerializer().serialize, TypeDeserializer().deserialize


class DynamoLedger:
    """Table ``table``: keys ``pipeline`` and ``batch_id``, index ``by_run`` on ``run_id``."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def find(self, pipeline: str, batch_id: str) -> LedgerRow | None:
        with passing_faults("reading the ledger"):
            answer = self._client.get_item(TableName=self._table, Key=_key(pipeline, batch_id), ConsistentRead=True)
        return _row(answer["Item"]) if "Item" in answer else None

    def rows_of(self, pipeline: str) -> Iterator[LedgerRow]:
        """Every delivery of a pipeline, in no order that means anything."""
        question: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pipeline = :p",
            "ExpressionAttributeValues": {":p": _write(pipeline)},
        }
        with passing_faults("reading the ledger"):
            for page in self._client.get_paginator("query").paginate(**question):
                yield from map(_row, page["Items"])

    def of_run(self, run_id: str) -> LedgerRow | None:
        """The delivery a run has or had; from an index, so a claim of the last second may be missing."""
        with passing_faults("reading the ledger"):
            answer = self._client.query(
                TableName=self._table,
                IndexName=BY_RUN,
                KeyConditionExpression="run_id = :r",
                ExpressionAttributeValues={":r": _write(run_id)},
            )
        return next(map(_row, answer["Items"]), None)

    def claim(self, row: LedgerRow, replacing: LedgerRow | None) -> bool:
        """Write ``row`` if the item is as read (``replacing``; None: absent); False if somebody was faster."""
        if replacing is None:
            condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(batch_id)"}
        else:
            condition = {
                "ConditionExpression": "run_id = :run AND #status = :status",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {
                    ":run": _write(replacing.run_id),
                    ":status": _write(replacing.status),
                },
            }
        item = {name: _write(value) for name, value in row.model_dump(mode="json", exclude_none=True).items()}
        return self._conditional("put_item", Item=item, **condition)

    def succeed(self, pipeline: str, batch_id: str, run_id: str, at: datetime) -> None:
        """Record the run's success; raises LockError GH6003 if another run has taken the batch over."""
        if not self._end(pipeline, batch_id, run_id, "SUCCEEDED", at, published="yes", error_code=None):
            raise LockError(
                "GH6003",
                f"batch {batch_id} of {pipeline} belongs to run {run_id} no more: another run has taken it over.",
                "Look at that run; this one was thought dead.",
            )

    def fail(self, pipeline: str, batch_id: str, run_id: str, at: datetime, code: str, published: Published) -> bool:
        """Record the run's failure. False, and nothing written, where the batch is another run's or is
        recorded as succeeded: what failed after that does not undo the publishing."""
        return self._end(pipeline, batch_id, run_id, "FAILED", at, published, code, keep="SUCCEEDED")

    def note_unsent(self, pipeline: str, batch_id: str, run_id: str, unsent: str) -> bool:
        """Remember that somebody was not told (``unsent``: which notice, which error)."""
        return self._set(pipeline, batch_id, run_id, {"notification_error": unsent})

    def first_sweep(self, pipeline: str, batch_id: str, run_id: str, at: datetime) -> bool:
        """True for the first sweep of a run and False for each later one, so that it alerts once."""
        return self._set(
            pipeline, batch_id, run_id, {"swept_at": at.isoformat()}, " AND attribute_not_exists(swept_at)"
        )

    def _end(
        self, pipeline: str, batch_id: str, run_id: str, status: Status, at: datetime,
        published: Published, error_code: str | None, keep: Status | None = None,
    ) -> bool:  # fmt: skip
        values = {
            "status": status,
            "ended_at": at.isoformat(),
            "published": published,
            "error_code": error_code,
        }
        return self._set(pipeline, batch_id, run_id, values, "" if keep is None else " AND #status <> :keep", keep)

    def _set(
        self,
        pipeline: str,
        batch_id: str,
        run_id: str,
        values: dict[str, Any],
        also: str = "",
        keep: Status | None = None,
    ) -> bool:
        names = {f"#{name}": name for name in values}
        written = {f":{name}": _write(value) for name, value in values.items()}
        return self._conditional(
            "update_item",
            Key=_key(pipeline, batch_id),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ConditionExpression="run_id = :owner" + also,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={
                **written,
                ":owner": _write(run_id),
                **({":keep": _write(keep)} if keep else {}),
            },
        )

    def _conditional(self, call: str, **arguments: Any) -> bool:
        try:
            with passing_faults("writing the ledger"):
                getattr(self._client, call)(TableName=self._table, **arguments)
        except ClientError as error:
            if code_of_fault(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _key(pipeline: str, batch_id: str) -> dict[str, Any]:
    return {"pipeline": _write(pipeline), "batch_id": _write(batch_id)}


def _row(item: dict[str, Any]) -> LedgerRow:
    return LedgerRow.model_validate({name: _read(value) for name, value in item.items()})
