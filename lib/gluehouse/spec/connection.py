"""How a warehouse is reached: the JSON of a secret. What is secret in it shows itself neither in logs nor in errors."""

from __future__ import annotations

from typing import TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from gluehouse.errors import ConfigError

_ROLE = r"arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9+=,.@_/-]+"


class _Connection(BaseModel):
    # Secrets Manager and its rotation put fields of their own into a secret, so unknown ones are no mistake here.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class RedshiftConnection(_Connection):
    """The fields of a Redshift secret as Secrets Manager makes it, and ``iam_role``, by which COPY reads S3."""

    host: str = Field(min_length=1)
    port: int = 5439
    dbname: str = Field(min_length=1, validation_alias=AliasChoices("dbname", "database"))
    user: str = Field(min_length=1, validation_alias=AliasChoices("user", "username"))
    password: SecretStr
    # It becomes part of a statement, so its form is held to.
    iam_role: str = Field(default="default", pattern=rf"^(default|{_ROLE})$")


class SnowflakeConnection(_Connection):
    """An account and a login by ``password`` or ``private_key`` (PEM, PKCS 8); without ``role`` the user's own."""

    account: str = Field(min_length=1)
    user: str = Field(min_length=1, validation_alias=AliasChoices("user", "username"))
    password: SecretStr | None = None
    private_key: SecretStr | None = None
    private_key_passphrase: SecretStr | None = None
    database: str = Field(min_length=1, validation_alias=AliasChoices("database", "dbname"))
    warehouse: str = Field(min_length=1)
    role: str | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> SnowflakeConnection:
        if (self.password is None) == (self.private_key is None):
            raise ValueError("give either password or private_key")
        return self


C = TypeVar("C", RedshiftConnection, SnowflakeConnection)


def connection_of(model: type[C], text: str, secret: str) -> C:
    """What the ``text`` of ``secret`` says; raises ConfigError GH1110 with the fields that are wrong, never a value."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        # A message may quote what was given; location and kind of a fault do not.
        found = sorted({f"{'.'.join(map(str, fault['loc'])) or 'text'} ({fault['type']})" for fault in error.errors()})
    raise ConfigError(
        "GH1110",
        f"the secret {secret} is no {model.__name__}: {', '.join(found)}.",
        "Write the JSON that docs/targets.md shows into the secret.",
    )
