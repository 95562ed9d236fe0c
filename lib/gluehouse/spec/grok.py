"""Grok patterns as regular expressions: ``%{NAME:column}`` stands for a named piece of a log line.

The names are the usual ones of Logstash's grok filter; the expressions are our own. No library is used: those on PyPI
match in Python, a line at a time, and here Spark has to match in Java.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"%\{([A-Za-z0-9_]+)(?::([^}:]*))?(:[^}]*)?\}")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST = 20

NAMES: dict[str, str] = {
    "WORD": r"\b\w+\b",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "QUOTEDSTRING": r'"[^"\\]*+(?:\\.[^"\\]*+)*+"',
    "INT": r"[+-]?[0-9]+",
    "POSINT": r"\b[1-9][0-9]*\b",
    "NONNEGINT": r"\b[0-9]+\b",
    "NUMBER": r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)",
    "BASE16NUM": r"(?:0[xX])?[0-9A-Fa-f]+",
    "BOOLEAN": r"(?:true|false|TRUE|FALSE|True|False)",
    "UUID": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "IPV4": r"(?<![0-9])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?![0-9])",
    # Its shape alone: a colon at least twice, groups of up to four hex digits, an IPv4 address or a zone at the end.
    "IPV6": r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:%{IPV4}|[0-9A-Fa-f]{0,4})(?:%[0-9A-Za-z.]+)?",
    "IP": r"(?:%{IPV6}|%{IPV4})",
    "HOSTNAME": r"\b[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,62})(?:\.[0-9A-Za-z_-]{1,63})*+\.?",
    "IPORHOST": r"(?:%{IP}|%{HOSTNAME})",
    "HOSTPORT": r"%{IPORHOST}:%{POSINT}",
    "USERNAME": r"[A-Za-z0-9._-]+",
    "USER": r"%{USERNAME}",
    "EMAILADDRESS": r"[A-Za-z0-9._%+-]+@%{HOSTNAME}",
    "PATH": r"/\S*",
    "URIPATH": r"/[^\s?#]*",
    "URIPARAM": r"\?\S*",
    "URIPATHPARAM": r"%{URIPATH}(?:%{URIPARAM})?",
    "URI": r"[A-Za-z][A-Za-z0-9+.-]*://\S+",
    "YEAR": r"[0-9]{4}",
    "MONTH": r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b",
    "MONTHNUM": r"(?:0[1-9]|1[0-2]|[1-9])",
    "MONTHDAY": r"(?:0[1-9]|[12][0-9]|3[01]|[1-9])",
    "DAY": r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b",
    "HOUR": r"(?:2[0-3]|[01]?[0-9])",
    "MINUTE": r"[0-5][0-9]",
    "SECOND": r"(?:60|[0-5]?[0-9])(?:[.,][0-9]+)?",
    "TIME": r"%{HOUR}:%{MINUTE}:%{SECOND}",
    "DATE": r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}",
    "ISO8601_TIMEZONE": r"(?:Z|[+-][0-9]{2}:?[0-9]{2})",
    "TIMESTAMP_ISO8601": r"%{DATE}[T ]%{HOUR}:%{MINUTE}(?::%{SECOND})?(?:%{ISO8601_TIMEZONE})?",
    "HTTPDATE": r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} [+-][0-9]{4}",
    "SYSLOGTIMESTAMP": r"%{MONTH} +%{MONTHDAY} %{TIME}",
    "LOGLEVEL": r"\b(?i:trace|debug|info|notice|warn|warning|error|err|crit|critical|fatal|severe|alert|emerg)\b",
    "COMMONAPACHELOG": (
        r'%{IPORHOST:clientip} %{NOTSPACE:ident} %{NOTSPACE:auth} \[%{HTTPDATE:timestamp}\] '
        r'"(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})" '
        r"%{INT:response} (?:%{INT:bytes}|-)"
    ),
    "COMBINEDAPACHELOG": r'%{COMMONAPACHELOG} "%{DATA:referrer}" "%{DATA:agent}"',
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html
    "ELB_ACCESS_LOG": (
        r"%{TIMESTAMP_ISO8601:timestamp} %{NOTSPACE:elb} %{IP:clientip}:%{INT:clientport} "
        r"(?:%{IP:backendip}:%{INT:backendport}|-) %{NUMBER:request_processing_time} "
        r"%{NUMBER:backend_processing_time} %{NUMBER:response_processing_time} (?:%{INT:response}|-) "
        r'(?:%{INT:backend_response}|-) %{INT:received_bytes} %{INT:bytes} "%{DATA:request}"(?: .*)?'
    ),
}  # fmt: skip


def expand(pattern: str, own: Mapping[str, str] | None = None) -> str:
    """The regular expression, in Python's syntax, that a grok pattern stands for; a column is a group of its name.

    ``own``: names of the author's, which count before the usual ones. Raises ValueError for a name that nobody knows, a
    column that is none, a type behind a column (types are the contract's), and names that contain each other.

    >>> expand("%{INT:size} %{WORD}")
    '(?P<size>[+-]?[0-9]+) (?:\\\\b\\\\w+\\\\b)'
    """
    return _expanded(pattern, {**NAMES, **(own or {})}, 0)


def _expanded(pattern: str, known: Mapping[str, str], depth: int) -> str:
    if depth > _DEEPEST:
        raise ValueError("grok names contain each other, or lie more than 20 deep")

    def expression(found: re.Match[str]) -> str:
        name, column, type_ = found[1], found[2], found[3]
        if name not in known:
            raise ValueError(f"'{name}' is no grok name; known are {', '.join(sorted(known))}")
        if type_ is not None:
            raise ValueError(f"'{found[0]}' gives a type; the contract has the types, so leave it out")
        if column is not None and not _COLUMN.fullmatch(column):
            raise ValueError(f"'{column}' in '{found[0]}' is no column name; use letters, digits and _")
        begins = "(?:" if column is None else f"(?P<{column}>"
        return f"{begins}{_expanded(known[name], known, depth + 1)})"

    return _REFERENCE.sub(expression, pattern)
