"""DataFrame in, DataFrame out: parsing, row rules, lookups. No session of their own, no action, no AWS."""
