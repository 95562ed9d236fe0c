"""The salt of hashes and tokens: where it comes from, and that it shows itself nowhere."""

from __future__ import annotations

import pickle

import boto3
import pytest

from gluehouse.aws.secrets import read_salt
from gluehouse.errors import ConfigError
from gluehouse.frames.protect import hash_with, token_with

SALT = "0123456789abcdef" * 2


def refused(secret: str | None) -> str:
    with pytest.raises(ConfigError) as found:
        read_salt(secret)
    assert found.value.code == "GH1090"
    return str(found.value)


@pytest.mark.usefixtures("aws")
def test_the_salt_is_what_secrets_manager_holds_now() -> None:
    boto3.client("secretsmanager").create_secret(Name="salt", SecretString=SALT)
    assert read_salt("salt").get_secret_value() == SALT.encode()


@pytest.mark.usefixtures("aws")
def test_a_secret_that_is_not_there_is_told_by_its_name() -> None:
    assert "salt-of-nobody cannot be read (ResourceNotFoundException)" in refused("salt-of-nobody")


def test_a_stage_that_is_debugged_takes_it_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SALT", SALT)
    assert read_salt("env:A_SALT").get_secret_value() == SALT.encode()
    monkeypatch.delenv("A_SALT")
    assert "the variable A_SALT is not set" in refused("env:A_SALT")


def test_no_secret_and_one_that_is_too_short_are_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SALT", SALT[:31])
    told = refused("env:A_SALT")
    assert "fewer than 32 bytes" in told
    assert SALT[:31] not in told
    assert "names no secret" in refused(None)


def test_a_salt_that_is_printed_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SALT", SALT)
    salt = read_salt("env:A_SALT")
    assert SALT not in f"{salt} {salt!r}"


def test_null_stays_null_and_every_other_text_has_one_hash_and_one_token() -> None:
    for function in (hash_with(SALT.encode()), token_with(SALT.encode(), "buyer")):
        assert function(None) is None
        assert function("Zoë") == function("Zoë") != function("Zoe")
        assert function("") not in (None, "")


def test_another_salt_or_domain_gives_other_texts() -> None:
    assert hash_with(b"a" * 32)("Ada") != hash_with(b"b" * 32)("Ada")
    assert token_with(b"a" * 32, "buyer")("Ada") != token_with(b"a" * 32, "seller")("Ada")


def test_what_is_sent_to_executors_needs_nothing_of_this_package() -> None:
    from pyspark import cloudpickle

    for function in (hash_with(SALT.encode()), token_with(SALT.encode(), "buyer")):
        found = pickle.loads(cloudpickle.dumps(function))
        assert found is not function
        assert set(found.__globals__) - {"__builtins__"} <= {"__package__", "__name__", "__file__", "hmac", "base64"}
        assert found("Ada") == function("Ada")
