"""SQL of row rules: what is refused before a run, and what only looks as if it should be."""

from __future__ import annotations

import pytest

from gluehouse.spec.row_sql import check_row_sql


@pytest.mark.parametrize(
    "sql",
    [
        "net <= gross",
        "a = 'count(*) over rand()' -- sum(a)",
        "/* select */ `sum`(a) > 0 OR `now` = 1",
        "summary(a) > 0 AND counter < 3 AND a IN (1, 2)",
        "a LIKE ANY ('x', 'y')",
        "unix_timestamp(changed_at) > 0",
        "exists(tags, t -> t = 'a') AND aggregate(tags, 0, (n, t) -> n + 1) < 9",
        "a != 'it''s' AND b != \"it's\" AND c != 'it\\'s'",
    ],
)
def test_a_condition_of_one_row_is_taken(sql: str) -> None:
    assert check_row_sql(sql) == sql


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("net > avg(net)", "calls avg"),
        ("COUNT ( * ) > 1", "calls count"),
        ("row_number() OVER (ORDER BY a) = 1", "`OVER`"),
        ("a IN (SELECT b FROM t)", "`SELECT`"),
        ("explode(tags) = 'a'", "calls explode"),
        ("rand() < 0.5", "uses rand"),
        ("day <= current_date", "uses current_date"),
        ("at <= current_timestamp()", "uses current_timestamp"),
        ("at < NOW()", "uses now"),
        ("unix_timestamp() > 0", "uses unix_timestamp"),
        ("reflect('java.util.UUID', 'randomUUID') = a", "uses reflect"),
        ("a = 1; b = 2", "semicolon"),
        ("(a = 1", "not closed"),
        ("a = 1) OR (b = 2", "not closed"),
        ("a = 'x", "not closed"),
    ],
)
def test_what_sees_other_rows_or_another_time_is_refused_with_the_reason(sql: str, told: str) -> None:
    with pytest.raises(ValueError, match="the SQL") as refused:
        check_row_sql(sql)
    assert told in str(refused.value)
