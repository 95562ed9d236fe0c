"""Set up this checkout: `python3.11 lib/gluehouse_local/bootstrap.py`, from anywhere; every make target calls it.

This file is only the door: it must be readable by any Python, so that an old one prints what is wrong and not a
SyntaxError. What is set up stands in gluehouse_local.setup, which runs in the profile's own Python.
"""

import glob
import os
import sys

# As in gluehouse_local.setup.profile, which only the right Python can read.
WANTED = {"glue-5.1": (3, 11), "glue-6.0": (3, 13)}
LIB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

if __name__ == "__main__":
    words = " ".join(sys.argv[1:]).replace("=", " ").split()
    named = words[words.index("--profile") + 1] if "--profile" in words[:-1] else "glue-5.1"
    # A name that is no profile goes on to the set-up, which says which there are.
    named = named if named in WANTED else "glue-5.1"
    version = WANTED[named]
    if sys.version_info[:2] != version:
        name = "python{}.{}".format(*version)
        found = [os.path.join(folder, name) for folder in os.environ.get("PATH", "").split(os.pathsep)]
        # Version managers keep what is installed there also where their shim on PATH is switched to another version.
        pyenv = os.path.join(os.environ.get("PYENV_ROOT") or "~/.pyenv", "versions", "{}.{}.*")
        for place in (pyenv, "~/.local/share/uv/python/cpython-{}.{}.*"):
            place = os.path.join(os.path.expanduser(place).format(*version), "bin", name)
            found += sorted(glob.glob(place), reverse=True)
        for other in found:
            # It is run once to see: a version manager's shim may stand there without the version behind it.
            if os.access(other, os.X_OK) and os.system("'" + other + "' -c '' >/dev/null 2>&1") == 0:  # noqa: S605
                os.execv(other, [other] + sys.argv)  # noqa: S606
        sys.stderr.write(
            "SetupError: GH7001: this is Python {}.{} ({}), and no {} that runs is on PATH or with pyenv or uv; AWS "
            "Glue {} runs that version, and so does its profile here. What to do: install it (apt, dnf, brew, pyenv "
            "and uv have it), then run the same command again, or name it: make PYTHON=/path/to/{}\n".format(
                sys.version_info[0], sys.version_info[1], sys.executable, name, named.replace("glue-", ""), name
            )
        )
        sys.exit(2)
    # As a script its own folder is first on the path, where `setup` would shadow other modules of that name.
    sys.path[0] = LIB
    from gluehouse_local.setup.main import main

    sys.exit(main(sys.argv[1:]))
