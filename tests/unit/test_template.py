"""deploy/template.yaml, read: what every bucket, job, role and table must have, and that packaging builds its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from gluehouse.aws.secrets import read_salt
from gluehouse.spec.environment import Environment
from gluehouse_local import packaging
from gluehouse_local.setup.pins import jars
from tests.template import FILE, read_template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = read_template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: found["Properties"] for name, found in RESOURCES.items() if found["Type"] == kind}


BUCKETS, JOBS = of_type("AWS::S3::Bucket"), of_type("AWS::Glue::Job")
LAMBDAS, ROLES = of_type("AWS::Lambda::Function"), of_type("AWS::IAM::Role")


def test_the_template_fits_an_object_and_is_read_from_the_release() -> None:
    assert FILE.stat().st_size < 1_000_000
    assert "deploy/template.yaml" in packaging.STACK
    place = of_type("AWS::StepFunctions::StateMachine")["StateMachine"]["DefinitionS3Location"]["Key"]["Fn::Sub"]
    assert place == "releases/${Release}/statemachines/pipeline.asl.json"
    assert "statemachines/pipeline.asl.json" in packaging.STACK


@pytest.mark.parametrize("name", BUCKETS)
def test_every_bucket_is_encrypted_private_tidied_and_spoken_to_over_tls(name: str) -> None:
    bucket = BUCKETS[name]
    default = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert default["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert default["BucketKeyEnabled"] is True
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert any("AbortIncompleteMultipartUpload" in rule for rule in bucket["LifecycleConfiguration"]["Rules"])
    policies = [policy for policy in of_type("AWS::S3::BucketPolicy").values() if policy["Bucket"] == {"Ref": name}]
    denied = [
        statement
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert [(s["Principal"], s["Action"], len(s["Resource"])) for s in denied] == [("*", "s3:*", 2)]


def test_only_the_landing_zone_sends_events() -> None:
    assert [name for name, bucket in BUCKETS.items() if "NotificationConfiguration" in bucket] == ["LandingBucket"]


@pytest.mark.parametrize("name", of_type("AWS::DynamoDB::Table"))
def test_every_table_can_be_restored_and_is_encrypted(name: str) -> None:
    table = RESOURCES[name]["Properties"]
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"
    assert "TimeToLiveSpecification" not in table


def test_there_are_six_jobs_and_each_runs_the_script_of_its_name() -> None:
    names = {job["Name"]["Fn::Sub"].removeprefix("gluehouse-${EnvironmentName}-") for job in JOBS.values()}
    assert names == {path.stem for path in (ROOT / "jobs/glue").glob("*.py")}
    for job in JOBS.values():
        name = job["Name"]["Fn::Sub"].removeprefix("gluehouse-${EnvironmentName}-")
        script = job["Command"]["ScriptLocation"]["Fn::Sub"]
        assert script == f"s3://${{CodeBucket}}/releases/${{Release}}/jobs/glue/{name}.py"


@pytest.mark.parametrize("name", JOBS)
def test_a_job_names_what_packaging_builds_and_leaves_retrying_to_the_definition(name: str) -> None:
    job = JOBS[name]
    arguments = job["DefaultArguments"]
    release = "s3://${CodeBucket}/releases/${Release}"
    condition, *zips = arguments["--additional-python-modules"]["Fn::If"]
    assert condition == "HasWarehouses"
    names = ("warehouses", "gluehouse")
    assert zips == [{"Fn::Sub": f"{release}/wheels/{name}.gluewheels.zip"} for name in names]
    assert arguments["--python-modules-installer-option"] == "--no-index"
    assert arguments["--datalake-formats"] == "delta"
    assert arguments["--environment"] == {"Fn::GetAtt": ["EnvironmentDocument", "Value"]}
    assert (job["MaxRetries"], job["GlueVersion"]) == (0, {"Ref": "GlueVersion"})
    assert job["ExecutionProperty"]["MaxConcurrentRuns"] == {"Ref": "MaxConcurrentRuns"}
    assert TEMPLATE["Parameters"]["MaxConcurrentRuns"]["MinValue"] > 1
    for switch in ("--enable-auto-scaling", "--enable-metrics", "--enable-continuous-cloudwatch-log"):
        assert arguments[switch] == "true"


def test_all_jobs_have_the_same_arguments() -> None:
    assert len({json.dumps(job["DefaultArguments"], sort_keys=True) for job in JOBS.values()}) == 1


def test_the_jars_are_those_of_the_profile() -> None:
    for version, names in TEMPLATE["Mappings"]["Profile"].items():
        shipped = [jar.file_name for jar in jars(ROOT / f"requirements/glue-{version}.jars")["extra"]]
        assert sorted(names.values()) == sorted(shipped)
    assert TEMPLATE["Parameters"]["GlueVersion"]["AllowedValues"] == list(TEMPLATE["Mappings"]["Profile"])


def test_delta_is_enabled_without_a_log_store_and_the_session_is_said_explicitly() -> None:
    conf = RESOURCES["JobConf"]["Properties"]["Value"]["Fn::Sub"]
    assert "DeltaSparkSessionExtension" in conf
    assert "logStore" not in conf
    for setting in ("timeZone=UTC", "ansi.enabled=false", "fs.s3a.endpoint.region=${AWS::Region}"):
        assert setting in conf


def test_each_lambda_and_job_has_a_role_of_its_own() -> None:
    roles = [found["Role"]["Fn::GetAtt"][0] for found in (*LAMBDAS.values(), *JOBS.values())]
    assert len(set(roles)) == len(roles)


@pytest.mark.parametrize("name", LAMBDAS)
def test_a_lambdas_handler_is_a_file_of_jobs_lambda_and_its_log_has_an_end(name: str) -> None:
    function = LAMBDAS[name]
    assert (ROOT / "jobs/lambda" / f"{function['Handler'].removesuffix('.handler')}.py").is_file()
    kind = "transform" if function["Handler"].startswith("transform") else "control"
    assert function["Code"]["S3Key"]["Fn::Sub"] == f"releases/${{Release}}/lambda/{kind}.zip"
    groups = [log["LogGroupName"]["Fn::Sub"] for log in of_type("AWS::Logs::LogGroup").values()]
    assert f"/aws/lambda/{function['FunctionName']['Fn::Sub']}" in groups


def statements() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, role in ROLES.items():
        for policy in role.get("Policies", ()):
            found += [(name, statement) for statement in policy["PolicyDocument"]["Statement"]]
    for name, policy in of_type("AWS::IAM::ManagedPolicy").items():
        found += [(name, statement) for statement in policy["PolicyDocument"]["Statement"]]
    return found


def test_no_role_may_do_everything_or_touch_everything() -> None:
    for name, statement in statements():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if action.endswith("*")], name
        if statement["Resource"] == "*":
            # What AWS itself gives no narrower resource for.
            services = {action.split(":")[0] for action in actions if not action.startswith("ec2:Describe")}
            assert services <= {"logs", "xray", "cloudwatch"}, name


def test_the_state_machine_reads_manifests_and_no_data() -> None:
    reads = [s["Resource"] for name, s in statements() if name == "StateMachineRole" and s["Action"] == "s3:GetObject"]
    assert reads == [{"Fn::Sub": "${WorkBucket.Arn}/runs/*"}]


def test_only_publishing_writes_to_the_curated_zone() -> None:
    writers = {
        name
        for name, statement in statements()
        if "s3:PutObject" in statement["Action"] and "CuratedBucket" in json.dumps(statement["Resource"])
    }
    assert writers == {"PublishRole", "RunPipelineRole"}


def test_only_the_jobs_that_ingest_read_the_salt_and_only_those_that_publish_the_connections() -> None:
    reads = {name: s["Resource"] for name, s in statements() if "secretsmanager" in json.dumps(s["Action"])}
    salt_readers = {name: {"Ref": "PiiSalt"} for name in ("IngestValidateRole", "RunPipelineRole")}
    assert reads == {**salt_readers, "ReachWarehouses": {"Ref": "WarehouseSecretArns"}}
    for policy, condition in (("ReachWarehouses", "HasWarehouses"), ("JoinNetwork", "HasWarehouseConnection")):
        wanted = {"Fn::If": [condition, {"Ref": policy}, {"Ref": "AWS::NoValue"}]}
        having = {name for name, role in ROLES.items() if wanted in role.get("ManagedPolicyArns", ())}
        assert (having, RESOURCES[policy]["Condition"]) == ({"PublishRole", "RunPipelineRole"}, condition)
    salt = RESOURCES["PiiSalt"]
    assert (salt["DeletionPolicy"], salt["Properties"]["KmsKeyId"]) == ("Retain", {"Fn::GetAtt": ["Key", "Arn"]})


def test_only_the_jobs_that_judge_publish_to_glue_data_quality_and_may_do_nothing_else_there() -> None:
    named = {"Ref": "JudgeByGlueDataQuality"}
    having = {name for name, role in ROLES.items() if named in role.get("ManagedPolicyArns", ())}
    assert having == {"DqCheckRole", "RunPipelineRole"}
    asked = [
        (name, s["Action"], s["Resource"]["Fn::Sub"]) for name, s in statements() if "DataQuality" in str(s["Action"])
    ]
    (found,) = asked
    assert found[:2] == ("JudgeByGlueDataQuality", ["glue:PublishDataQuality", "glue:GetDataQualityResult"])
    assert found[2].endswith(":${AWS::AccountId}:dataQualityRuleset/*")


def test_only_the_jobs_that_publish_are_in_the_warehouses_network_and_only_if_there_is_one() -> None:
    connected = {name: job["Connections"]["Fn::If"] for name, job in JOBS.items() if "Connections" in job}
    assert set(connected) == {"PublishJob", "RunPipelineJob"}
    assert {told[0] for told in connected.values()} == {"HasWarehouseConnection"}


def test_redshift_copies_from_the_folder_of_exports_alone() -> None:
    reads = [s["Resource"] for name, s in statements() if name == "RedshiftCopyRole" and s["Action"] == "s3:GetObject"]
    assert reads == [{"Fn::Sub": "${WorkBucket.Arn}/processed/_exports/*"}]


def test_the_salt_that_the_environment_names_can_be_read(stack: Any) -> None:
    environment = Environment.from_json(stack.outputs["Environment"])
    assert len(read_salt(environment.salt_secret).get_secret_value()) == 64


def test_every_log_group_ends_and_every_rule_keeps_what_it_cannot_deliver() -> None:
    assert all("RetentionInDays" in log for log in of_type("AWS::Logs::LogGroup").values())
    targets = [target for rule in of_type("AWS::Events::Rule").values() for target in rule["Targets"]]
    targets += [schedule["Target"] for schedule in of_type("AWS::Scheduler::Schedule").values()]
    assert all(target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]} for target in targets)
    assert len(targets) == 3


def test_what_differs_on_the_laptop_hangs_on_one_condition_alone() -> None:
    conditions = {name: found["Condition"] for name, found in RESOURCES.items() if "Condition" in found}
    assert {name for name, condition in conditions.items() if condition == "OnAws"} == {"JobSecurity"}


def test_the_environment_it_writes_is_one(stack: Any) -> None:
    environment = Environment.from_json(stack.outputs["Environment"])
    assert environment.runs == f"s3://{stack.outputs['WorkBucket']}/runs"
    assert environment.metrics == f"s3://{stack.outputs['WorkBucket']}/metrics"
    assert environment.state_machine_arn == stack.outputs["StateMachineArn"]
    assert environment.lock_table == stack.outputs["LockTable"]
    assert environment.quarantine_days == TEMPLATE["Parameters"]["QuarantineRetentionDays"]["Default"]
    assert environment.alert_topic_arn == stack.outputs["AlertTopicArn"]


def test_quarantine_is_encrypted_with_the_environments_key_and_expires_when_its_parameter_says() -> None:
    bucket = RESOURCES["QuarantineBucket"]["Properties"]
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]},
    }
    expiring = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
    assert [(rule["ExpirationInDays"], rule.get("Prefix"), rule["Status"]) for rule in expiring] == [
        ({"Ref": "QuarantineRetentionDays"}, None, "Enabled")
    ]


def test_the_jobs_that_are_deployed_have_plain_texts_as_arguments(stack: Any) -> None:
    job = boto3.client("glue").get_job(JobName="gluehouse-unit-publish")["Job"]
    assert all(isinstance(value, str) for value in job["DefaultArguments"].values())
    assert job["DefaultArguments"]["--extra-jars"].count("s3://unit-code/releases/r1/jars/") == 2
    assert job["DefaultArguments"]["--conf"].count(" --conf ") == 4


def test_the_schedule_starts_its_pipeline(stack: Any) -> None:
    schedule = boto3.client("scheduler").get_schedule(Name="gluehouse-unit-nightly", GroupName="gluehouse-unit")
    assert json.loads(schedule["Target"]["Input"]) == {"pipeline": "airports"}
    assert schedule["Target"]["Arn"] == stack.outputs["StateMachineArn"]
