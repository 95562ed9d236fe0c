"""Deploying ``deploy/template.yaml``: the same steps for an AWS account and for the laptop's AWS.

Code goes up first (its place is its content's hash, so what runs is never overwritten), then the stack, then the
compiled configuration, whose index goes last: until then the old one is in force.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.exceptions import ClientError, WaiterError

from gluehouse.cli.compile import Overrides, compile_all, write_artifacts
from gluehouse.cli.documents import read, refuse
from gluehouse.errors import ConfigError, SetupError
from gluehouse.spec.deployment import Deployment
from gluehouse_local import packaging, schedules
from gluehouse_local.environments import CHECKOUT

Clients = Callable[[str], Any]
Tell = Callable[[str], None]


def read_deployment(root: Path, name: str) -> Deployment:
    """``config/environments/<name>.yaml``; raises ConfigError GH1001 for a wrong one, GH1003 for none."""
    file = root / "config/environments" / f"{name}.yaml"
    if not file.is_file():
        known = sorted(path.stem for path in file.parent.glob("*.yaml"))
        raise ConfigError("GH1003", f"there is no environment {name}.", f"config/environments has {known}.")
    deployment = read(file, Deployment)
    if isinstance(deployment, list):
        refuse(deployment)
        raise AssertionError("refuse raises for any problem")
    return deployment


def deploy(
    root: Path, deployment: Deployment, clients: Clients, tell: Tell, overrides: Overrides | None = None
) -> dict[str, str]:
    """Build, upload, create or update the stack, publish the configuration; answers the stack's outputs."""
    compile_all(root, overrides)  # a wrong configuration must stop it before anything is built or changed
    release = packaging.build(root, for_aws=not _is_local(deployment.parameters))
    tell(f"release {release.name} is built")
    _make_bucket(clients("s3"), deployment)
    upload(clients("s3"), release.folder, deployment.code_bucket, f"releases/{release.name}")
    tell(f"code is in s3://{deployment.code_bucket}/releases/{release.name}")
    outputs = _stack(deployment, release.name, clients("cloudformation"))
    tell(f"stack {deployment.stack} is up")
    publish_configuration(root, deployment, clients, overrides)
    return outputs


def publish_configuration(
    root: Path, deployment: Deployment, clients: Clients, overrides: Overrides | None = None
) -> None:
    """Compile and upload every pipeline, and set its schedule; the next execution uses it."""
    folder = root / ".cache/dist/config" / deployment.environment
    compiled = compile_all(root, overrides)
    index = write_artifacts(folder, f"s3://{deployment.code_bucket}/config", compiled)
    upload(clients("s3"), folder, deployment.code_bucket, "config", leave_out={index})
    clients("s3").put_object(
        Bucket=deployment.code_bucket, Key="config/index.json", Body=index.read_bytes(), ContentType="application/json"
    )
    wanted = {name: pipeline.spec.schedule for name, pipeline in compiled.items() if pipeline.spec.schedule}
    schedules.synchronise(clients("scheduler"), _outputs(clients("cloudformation"), deployment.stack), wanted)


def upload(
    s3: Any, folder: Path, bucket: str, prefix: str, leave_out: frozenset[Path] | set[Path] = frozenset()
) -> int:
    """Upload the files below ``folder`` that are not there yet (keys name contents); answers how many."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    there = {found["Key"]: found["Size"] for page in pages for found in page.get("Contents", ())}
    sent = 0
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path not in leave_out):
        key = f"{prefix}/{file.relative_to(folder).as_posix()}"
        if there.get(key) != file.stat().st_size:
            s3.upload_file(str(file), bucket, key)
            sent += 1
    return sent


def _make_bucket(s3: Any, deployment: Deployment) -> None:
    """The code bucket stands before the stack, which reads its Lambdas' code from it."""
    place = (
        {}
        if deployment.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": deployment.region}}
    )
    try:
        s3.create_bucket(Bucket=deployment.code_bucket, **place)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise SetupError(
                "GH7301", f"the bucket {deployment.code_bucket} cannot be made: {error}.", "Choose another code_bucket."
            ) from error
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    name = deployment.code_bucket
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=blocked)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    encrypted = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [encrypted]})
    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [tls_only]}))


def _stack(deployment: Deployment, release: str, cloudformation: Any) -> dict[str, str]:
    given = {
        **deployment.parameters,
        "EnvironmentName": deployment.environment,
        "CodeBucket": deployment.code_bucket,
        "Release": release,
    }
    # By path and not by host name: the laptop's AWS reads no other form.
    s3 = f"https://s3.{deployment.region}.amazonaws.com"
    request = {
        "StackName": deployment.stack,
        "TemplateURL": f"{s3}/{deployment.code_bucket}/releases/{release}/deploy/template.yaml",
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        "Tags": [{"Key": name, "Value": value} for name, value in deployment.tags.items()],
    }
    try:
        if _exists(cloudformation, deployment.stack):
            cloudformation.update_stack(**request)
            done = "stack_update_complete"
        else:
            cloudformation.create_stack(**request)
            done = "stack_create_complete"
        cloudformation.get_waiter(done).wait(
            StackName=deployment.stack, WaiterConfig={"Delay": 1 if _is_local(given) else 10}
        )
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise SetupError(
                "GH7302", f"the stack {deployment.stack} was refused: {error}.", "Correct it, deploy again."
            ) from error
    except WaiterError as error:
        raise SetupError(
            "GH7303",
            f"the stack {deployment.stack} did not come up: {_first_failure(cloudformation, deployment.stack)}.",
            "Correct what it names; CloudFormation took its changes back.",
        ) from error
    return _outputs(cloudformation, deployment.stack)


def _outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}


def _is_local(parameters: dict[str, str]) -> bool:
    return parameters.get("IsLocal") == "true"


def _exists(cloudformation: Any, stack: str) -> bool:
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError:
        return False
    return any(one["StackStatus"] not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS") for one in found)


def _first_failure(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    if not failed:
        return "no event says why"
    first = failed[-1]
    return json.dumps({name: first.get(name) for name in ("LogicalResourceId", "ResourceType", "ResourceStatusReason")})


@click.command("deploy")
@click.option("--environment", required=True, help="A file of config/environments, without .yaml.")
def command(environment: str) -> None:
    """Deploy code, stack and configuration to the AWS account that boto3 finds."""
    deployment = read_deployment(CHECKOUT, environment)
    if _is_local(deployment.parameters) and not os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:"):
        raise SetupError(
            "GH7304",
            f"{environment} is the laptop's AWS, but AWS_ENDPOINT_URL does not name it: this would go to an account.",
            "Set the variables that `python -m gluehouse_local start` prints.",
        )
    session = boto3.Session(region_name=deployment.region)
    outputs = deploy(CHECKOUT, deployment, lambda service: session.client(service), click.echo)  # type: ignore[call-overload]
    click.echo(json.dumps(outputs, indent=1))
