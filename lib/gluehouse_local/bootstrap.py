"""Set up this checkout: `python3.11 lib/gluehouse_local/bootstrap.py`, from anywhere; every make target calls it.

This file is only the door: it must be readable by any Python, so that an old one prints what is wrong and not a
SyntaxError. What is set up stands in gluehouse_local.setup.
"""

import os
import sys

WANTED = (3, 11)
LIB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

if __name__ == "__main__":
    if sys.version_info[:2] != WANTED:
        name = "python{}.{}".format(*WANTED)
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            other = os.path.join(folder, name)
            # It is run once to see: a version manager's shim may stand there without the version behind it.
            if os.access(other, os.X_OK) and os.system("'" + other + "' -c '' >/dev/null 2>&1") == 0:  # noqa: S605
                os.execv(other, [other] + sys.argv)  # noqa: S606
        sys.stderr.write(
            "SetupError: GH7001: this is Python {}.{} ({}), and no {} that runs is on PATH; AWS Glue 5.1 runs that "
            "version, and so does its laptop profile. What to do: install it (apt, dnf, brew, pyenv and uv have it), "
            "then run the same command again, or name it: make PYTHON=/path/to/{}\n".format(
                sys.version_info[0], sys.version_info[1], sys.executable, name, name
            )
        )
        sys.exit(2)
    # As a script its own folder is first on the path, where `setup` would shadow other modules of that name.
    sys.path[0] = LIB
    from gluehouse_local.setup.main import main

    sys.exit(main(sys.argv[1:]))
