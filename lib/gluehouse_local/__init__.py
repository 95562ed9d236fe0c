"""The laptop's AWS: MiniStack with real Glue job runs. A development tool, never part of the wheel Glue gets."""
