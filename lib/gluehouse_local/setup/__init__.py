"""Everything a fresh checkout needs, made once and found again: Python environments, Java, jars.

Standard library only (and gluehouse.errors, which is too): this runs before anything is installed.
"""
