"""Jars by exact coordinates, through the resolver inside Spark (Ivy): no Maven is needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

from gluehouse.errors import SetupError
from gluehouse_local.setup.java import Java
from gluehouse_local.setup.pins import Jar
from gluehouse_local.setup.process import run_logged
from gluehouse_local.setup.progress import Progress

SETTINGS = Path(__file__).parents[1] / "ivysettings.xml"
_OFFLINE = ("UnknownHostException", "ConnectException", "SSLHandshakeException", "SocketTimeoutException",
            "NoRouteToHostException", "Server access error", "not found")  # fmt: skip


def ivy_module(sections: Mapping[str, list[Jar]]) -> str:
    """The list as an Ivy file: a configuration for each section, nothing transitive."""
    names = "".join(f"<conf name={quoteattr(section)}/>" for section in sections)
    wanted = "".join(
        f"<dependency org={quoteattr(jar.group)} name={quoteattr(jar.artifact)} rev={quoteattr(jar.version)}"
        f' conf={quoteattr(section + "->master")} transitive="false"/>'
        for section, listed in sections.items()
        for jar in listed
    )
    return (
        '<ivy-module version="2.0"><info organisation="gluehouse" module="jars" revision="1"/>'
        f"<configurations>{names}</configurations><dependencies>{wanted}</dependencies></ivy-module>\n"
    )


def resolver_options(env: Mapping[str, str]) -> list[str]:
    """Where to ask: Maven Central, or the mirror of a person who has to go through one."""
    mirror = env.get("GLUEHOUSE_MAVEN")
    if not mirror:
        return []
    return ["-Dgluehouse.maven.resolver=mirror", f"-Dgluehouse.maven.mirror={mirror.rstrip('/')}/"]


def fetch(
    sections: Mapping[str, list[Jar]], folder: Path, java: Java, spark_jars: Path, log: Path, progress: Progress
) -> None:
    """Fill `folder/<section>/` with the jars, all or none. Raises SetupError GH7006 (not reached) or GH7007."""
    draft = folder.with_name(folder.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    module = draft / "ivy.xml"
    module.write_text(ivy_module(sections), "utf-8")
    classpath = os.pathsep.join(str(next(spark_jars.glob(f"{name}-[0-9]*.jar"))) for name in ("ivy", "commons-cli"))
    command = [
        str(java.executable), *java.options, *resolver_options(os.environ), "-cp", classpath, "org.apache.ivy.Main",
        "-settings", str(SETTINGS), "-cache", str(draft / "cache"), "-ivy", str(module),
        "-retrieve", str(draft / "[conf]" / "[artifact]-[revision].[ext]"), "-types", "jar", "bundle",
    ]  # fmt: skip
    code, output = run_logged(command, os.environ, log, lambda line: _tick(line, progress))
    missing = [jar.file_name for section, jars in sections.items() for jar in jars
               if not (draft / section / jar.file_name).is_file()]  # fmt: skip
    if code != 0 or missing:
        shutil.rmtree(draft, ignore_errors=True)
        raise fetch_error(missing, output, log)
    shutil.rmtree(draft / "cache")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(draft, folder)


def _tick(line: str, progress: Progress) -> None:
    if line.startswith("downloading "):
        progress.tick(line.split(" ...")[0].rsplit("/", 1)[-1])


def fetch_error(missing: list[str], output: str, log: Path) -> SetupError:
    """What Ivy's output means for a person."""
    if "No space left on device" in output:
        return SetupError("GH7003", "the disk is full.", "Free some space, then run the same command again.")
    some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    if any(sign in output for sign in _OFFLINE):
        return SetupError(
            "GH7006", f"Maven Central could not be reached, or does not serve {some}.",
            f"Check the network and the proxy; behind a mirror set GLUEHOUSE_MAVEN to its URL. Full output: {log}",
        )  # fmt: skip
    return SetupError("GH7007", f"the jars could not be fetched ({some or 'Ivy failed'}).", f"Read {log}")
