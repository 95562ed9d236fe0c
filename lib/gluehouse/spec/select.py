"""Whether a text of SQL is one query that can only read, as far as its words tell; Spark reads the rest."""

from __future__ import annotations

import re

# Comments, texts and quoted names, in the order in which Spark SQL's lexer would find them.
_TOKEN = re.compile(
    r"""--(?:\\\n|[^\n])*|/\*.*?\*/|(?P<open>/\*)|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`"""
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<sign>[();'"`])|\s+|.""",
    re.S,
)
_WRITES = {"INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER", "TRUNCATE", "CACHE", "SET"}


def fault_of(sql: str) -> tuple[int, str] | None:
    """The line and what is wrong there, or None for one ``SELECT`` or ``WITH … SELECT``.

    >>> fault_of("SELECT 1 -- it's ;"), fault_of("WITH a AS (SELECT 1) SELECT * FROM a;")
    (None, None)
    >>> fault_of("SELECT 1;\\nDROP TABLE t")
    (2, 'a second statement begins; an audit is one SELECT')
    """
    depth, words, ended, line = 0, 0, False, 1
    for token in _TOKEN.finditer(sql):
        text, word, sign = token[0], (token["word"] or "").upper(), token["sign"]
        if not (text.isspace() or text.startswith(("--", "/*")) or sign == ";"):
            if ended:
                return line, "a second statement begins; an audit is one SELECT"
            if words == 0 and depth == 0 and word not in ("SELECT", "WITH") and sign != "(":
                return line, f"an audit begins with SELECT or WITH, not with {word or 'this sign'}"
        if token["open"] or (sign and sign in "'\"`"):
            return line, "a text, quoted name or comment begins here and does not end"
        if word:
            words += 1
            if depth == 0 and word in _WRITES:
                return line, f"an audit only reads; it has {word}"
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            return line, "a parenthesis is closed that was not opened"
        ended = ended or (sign == ";" and words > 0)
        line += text.count("\n")
    if words == 0:
        return line, "there is no statement; an audit is one SELECT"
    return (line, "a parenthesis is not closed") if depth else None
