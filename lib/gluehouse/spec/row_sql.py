"""SQL of a row rule, checked as far as it can be told without Spark: it sees one row, and says the same each time.

Names are Spark 3.5's: https://spark.apache.org/docs/3.5.6/api/sql/
"""

from __future__ import annotations

import re

# Texts, comments, and names in backticks, whose words are no SQL.
_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`]|``)*`", re.S)
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_QUERY = re.compile(r"\b(select|over|within\s+group|lateral)\b", re.I)

_SEVERAL_ROWS = (
    "any_value approx_count_distinct approx_percentile array_agg avg bit_and bit_or bit_xor bool_and bool_or "
    "collect_list collect_set corr count count_if count_min_sketch covar_pop covar_samp cume_dist dense_rank "
    "every first first_value grouping grouping_id histogram_numeric hll_sketch_agg hll_union_agg kurtosis lag "
    "last last_value lead listagg max max_by mean median min min_by mode nth_value ntile percent_rank percentile "
    "percentile_approx percentile_cont percentile_disc rank regr_avgx regr_avgy regr_count regr_intercept regr_r2 "
    "regr_slope regr_sxx regr_sxy regr_syy row_number skewness std stddev stddev_pop stddev_samp string_agg sum "
    "try_avg try_sum var_pop var_samp variance explode explode_outer inline inline_outer json_tuple posexplode "
    "posexplode_outer stack bitmap_construct_agg bitmap_or_agg"
)
_EACH_TIME_ANOTHER = (
    "rand random randn randstr uniform shuffle uuid monotonically_increasing_id spark_partition_id "
    "input_file_name input_file_block_start input_file_block_length now current_date current_timestamp curdate "
    "localtimestamp current_user session_user user current_catalog current_database current_schema unix_timestamp "
    "java_method reflect try_reflect"
)
# Those that Spark takes without parentheses, too.
_WORDS = re.compile(r"\b(current_date|current_timestamp|localtimestamp|current_user|session_user|current_time)\b", re.I)
_WITH_ARGUMENTS = re.compile(r"\bunix_timestamp\s*\(\s*[^)\s]", re.I)


def check_row_sql(sql: str) -> str:
    """The SQL of a row rule; raises ValueError for what cannot be judged by one row alone, or not twice the same.

    Columns, types and functions are checked by the run, which has Spark.

    >>> check_row_sql("net <= gross -- or count(*)")
    'net <= gross -- or count(*)'
    """
    bare = _NOISE.sub(" ", sql)
    if any(quote in bare for quote in "'\"`") or not _closed(bare):
        raise ValueError(f"the SQL `{sql}` has a quote or a parenthesis that is not closed")
    if ";" in bare:
        raise ValueError(f"the SQL `{sql}` has a semicolon; write one expression")
    query = _QUERY.search(bare)
    if query:
        raise ValueError(f"the SQL `{sql}` has `{query[0]}`; a row rule sees one row (use `unique` or `reference`)")
    called = {name.lower() for name in _CALL.findall(bare)}
    if called.intersection(_SEVERAL_ROWS.split()):
        told = ", ".join(sorted(called.intersection(_SEVERAL_ROWS.split())))
        raise ValueError(f"the SQL `{sql}` calls {told}; a row rule sees one row (write a dataset rule)")
    changing = called.intersection(_EACH_TIME_ANOTHER.split()) | {name.lower() for name in _WORDS.findall(bare)}
    if _WITH_ARGUMENTS.search(bare):
        changing -= {"unix_timestamp"}
    if changing:
        raise ValueError(f"the SQL `{sql}` uses {', '.join(sorted(changing))}; a rerun would judge otherwise")
    return sql


def as_condition(sql: str) -> str:
    """The SQL in parentheses, of which a comment at its end takes none.

    >>> as_condition("net > 0 -- always")
    '(net > 0 -- always\\n)'
    """
    return f"({sql}\n)"


def _closed(bare: str) -> bool:
    depth = 0
    for character in bare:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
