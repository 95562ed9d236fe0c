"""DQDL, the language of dataset rules, as a configuration is checked: read, printed and judged without Spark."""
