"""Benchmarks: not part of the wheel, never run by the tests."""
