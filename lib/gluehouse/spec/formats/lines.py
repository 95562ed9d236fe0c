"""Log lines and records of fixed width before a run. One line that does not fit is no reason to refuse all."""

from __future__ import annotations

import re

from gluehouse.spec.look import Format, Look, as_text, first_line, refuse_no_record


def _log_lines(look: Look, text: str, whole: bool) -> bool:
    settings = look.source.lines
    line = first_line(text, whole, settings.comment if settings else None)
    if line is None:
        refuse_no_record(look, whole)
        return whole
    fits = settings is not None and len(line) <= settings.longest
    return fits and settings is not None and re.fullmatch(settings.expression, line) is not None


def _fixed_width(look: Look, text: str, whole: bool) -> bool:
    line = first_line(text, whole)
    if line is None:
        refuse_no_record(look, whole)
        return whole
    return look.source.fixed_width is not None and len(line) == look.source.fixed_width.length


LOG_LINES = Format("log lines", "named", as_text("log lines", _log_lines))
FIXED_WIDTH = Format("records of fixed width", "named", as_text("records of fixed width", _fixed_width))
