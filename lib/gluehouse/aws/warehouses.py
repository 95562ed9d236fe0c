"""How the warehouse of a target is reached: its secret, its driver, its dialect.

A driver is imported where a connection is opened: jobs without such targets neither have it nor need it.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from pydantic import SecretStr

from gluehouse.aws.secrets import read_connection
from gluehouse.errors import ConfigError
from gluehouse.spec.connection import RedshiftConnection, SnowflakeConnection, connection_of
from gluehouse.spec.target import RedshiftTarget, SnowflakeTarget, WarehouseTarget
from gluehouse.targets.redshift import Redshift
from gluehouse.targets.session import Connection, Warehouse
from gluehouse.targets.snowflake import Snowflake

APPLICATION = "gluehouse"


def warehouse_of(target: WarehouseTarget) -> Warehouse:
    """Raises ConfigError GH1110 where the target's secret does not say how to connect; connecting raises GH1111 where
    the job has no driver."""
    text = read_connection(target.connection).get_secret_value().decode()
    if isinstance(target, RedshiftTarget):
        to = connection_of(RedshiftConnection, text, target.connection)
        return Warehouse(partial(_connect_to_redshift, to), Redshift(to.iam_role))
    told = connection_of(SnowflakeConnection, text, target.connection)
    return Warehouse(partial(_connect_to_snowflake, told, target), Snowflake())


def redshift_arguments(to: RedshiftConnection) -> dict[str, Any]:
    """What ``redshift_connector.connect`` is given; over TLS, and the server's name is verified."""
    return {
        "host": to.host,
        "port": to.port,
        "database": to.dbname,
        "user": to.user,
        "password": to.password.get_secret_value(),
        "ssl": True,
        "sslmode": "verify-full",
        "timeout": 60,
        "application_name": APPLICATION,
    }


def snowflake_arguments(to: SnowflakeConnection, target: SnowflakeTarget) -> dict[str, Any]:
    """What ``snowflake.connector.connect`` is given. Times are UTC; each statement outside BEGIN commits by itself."""
    login: dict[str, Any] = (
        {"password": to.password.get_secret_value()}
        if to.password
        else {"private_key": _der(to.private_key, to.private_key_passphrase)}
    )
    return {
        "account": to.account,
        "user": to.user,
        **login,
        "database": to.database,
        "warehouse": to.warehouse,
        "schema": Snowflake().folded(target.table.split(".")[0]),
        **({"role": to.role} if to.role else {}),
        "autocommit": True,
        "session_parameters": {"TIMEZONE": "UTC", "QUERY_TAG": APPLICATION},
        "login_timeout": 60,
    }


def _connect_to_redshift(to: RedshiftConnection) -> Connection:
    connection: Any = _driver("redshift_connector").connect(**redshift_arguments(to))
    connection.autocommit = True
    made: Connection = connection
    return made


def _connect_to_snowflake(to: SnowflakeConnection, target: SnowflakeTarget) -> Connection:
    made: Connection = _driver("snowflake.connector").connect(**snowflake_arguments(to, target))
    return made


def _driver(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as missing:
        raise ConfigError(
            "GH1111",
            f"the module {module} cannot be loaded ({missing.name} is missing).",
            "Name the secrets in the template's parameter WarehouseSecretArns: its jobs then get the drivers.",
        ) from None


def _der(pem: SecretStr | None, passphrase: SecretStr | None) -> bytes:
    """A private key as Snowflake's connector wants it; raises ConfigError GH1110 where it is none."""
    keys = _driver("cryptography.hazmat.primitives.serialization")
    given, opened_by = (pem.get_secret_value() if pem else ""), passphrase.get_secret_value() if passphrase else None
    try:
        key = keys.load_pem_private_key(given.encode(), opened_by.encode() if opened_by else None)
    except (ValueError, TypeError):
        raise ConfigError(
            "GH1110",
            "the private_key of a Snowflake secret is no PEM of PKCS 8 that its private_key_passphrase opens.",
            "Write the key with its BEGIN and END lines into the secret.",
        ) from None
    made: bytes = key.private_bytes(keys.Encoding.DER, keys.PrivateFormat.PKCS8, keys.NoEncryption())
    return made
