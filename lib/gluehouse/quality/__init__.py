"""Judging a whole data set: profile, drift against the contract, DQDL rules. Each answers rule reports."""
