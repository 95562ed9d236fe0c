"""One module a kind of target: a processed batch in, a report of what the table has become out."""
