"""One template makes what a pipeline needs, and a dropped object starts its execution."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint_file

from gluehouse_local.inbox import Inbox
from gluehouse_local.server import LocalAws
from tests.local.glue_jobs import GlueJobs, wait_for, zipped

TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}
DEFINITION = {
    "QueryLanguage": "JSONata",
    "StartAt": "Plan",
    "States": {
        "Plan": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "${Function}", "Payload": "{% $states.input %}"},
            "Output": "{% $states.result.Payload %}",
            "Next": "Work",
        },
        "Work": {
            "Type": "Task",
            "Resource": "arn:aws:states:::glue:startJobRun.sync",
            "Arguments": {"JobName": "${Job}", "Arguments": {"--uri": "{% $states.input.uri %}"}},
            "Output": {"uri": "{% $states.input.uri %}", "run": "{% $states.result.Id %}"},
            "Next": "Tell",
        },
        "Tell": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Arguments": {"TopicArn": "${Topic}", "Subject": "landed", "Message": "{% $string($states.input) %}"},
            "End": True,
        },
    },
}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def attribute(name: str, of: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, of]}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


TEMPLATE = {
    "Resources": {
        "Role": resource("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST),
        "Landing": resource(
            "AWS::S3::Bucket",
            BucketName="landing",
            NotificationConfiguration={"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        ),
        "Topic": resource("AWS::SNS::Topic", TopicName="alerts"),
        "Function": resource(
            "AWS::Lambda::Function",
            FunctionName="plan",
            Runtime="python3.11",
            Handler="plan.handler",
            Role=attribute("Role"),
            Code={"S3Bucket": "code", "S3Key": "plan.zip"},
            Environment={"Variables": {"ENVIRONMENT": {"Fn::Sub": '{"topic": "${Topic}"}'}}},
        ),
        "Job": resource(
            "AWS::Glue::Job",
            Name="work",
            Role=attribute("Role"),
            GlueVersion="5.1",
            Command={"Name": "glueetl", "PythonVersion": "3", "ScriptLocation": "s3://code/work.py"},
            DefaultArguments={"--environment": {"Fn::Sub": '{"landing": "${Landing}"}'}},
            ExecutionProperty={"MaxConcurrentRuns": 3},
            Timeout=5,
        ),
        "Machine": resource(
            "AWS::StepFunctions::StateMachine",
            StateMachineName="pipeline",
            RoleArn=attribute("Role"),
            DefinitionS3Location={"Bucket": "code", "Key": "pipeline.asl.json"},
            DefinitionSubstitutions={"Function": attribute("Function"), "Job": ref("Job"), "Topic": ref("Topic")},
        ),
        "Landed": resource(
            "AWS::Events::Rule",
            EventPattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": [ref("Landing")]}, "object": {"key": [{"prefix": "airports/"}]}},
            },
            Targets=[{"Id": "machine", "Arn": attribute("Machine"), "RoleArn": attribute("Role")}],
        ),
        "Daily": resource(
            "AWS::Scheduler::Schedule",
            ScheduleExpression="at(2026-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            State="DISABLED",
            Target={"Arn": attribute("Machine"), "RoleArn": attribute("Role"), "Input": '{"pipeline": "airports"}'},
        ),
    },
    "Outputs": {
        "Machine": {"Value": ref("Machine")},
        "Topic": {"Value": ref("Topic")},
        "Daily": {"Value": ref("Daily")},
    },
}


@pytest.fixture
def stack(aws: LocalAws) -> dict[str, str]:
    """The outputs of the deployed template."""
    jobs = GlueJobs(aws)
    handler = "def handler(event, context):\n    if 'pipeline' in event: return {'uri': event['pipeline']}\n"
    handler += "    d = event['detail']\n    return {'uri': 's3://' + d['bucket']['name'] + '/' + d['object']['key']}"
    jobs.upload("plan.zip", zipped({"plan.py": handler}))
    jobs.upload("work.py", "import sys\nprint(sys.argv)")
    jobs.upload("pipeline.asl.json", json.dumps(DEFINITION))
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName="one", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_IAM"])

    def described() -> dict[str, Any] | None:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName="one")["Stacks"][0]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    told = wait_for(described)
    assert told["StackStatus"] == "CREATE_COMPLETE", told
    return {output["OutputKey"]: output["OutputValue"] for output in told["Outputs"]}


def test_cfn_lint_finds_nothing_in_the_template() -> None:
    template = Path(__file__).resolve().parents[2] / "deploy/template.yaml"
    assert lint_file(template, ManualArgs(regions=["eu-central-1", "us-east-1"])) == []


def test_a_dropped_object_starts_the_machine_and_its_alert_is_seen(aws: LocalAws, stack: dict[str, str]) -> None:
    inbox = Inbox(aws, [stack["Topic"]])
    aws.client("s3").put_object(Bucket="landing", Key="other/x.csv", Body=b"x")
    aws.client("s3").put_object(Bucket="landing", Key="airports/2026 01.csv", Body=b"a,b")
    (alert,) = inbox.wait()
    assert (alert.origin, alert.about) == (stack["Topic"], "landed")
    assert alert.body["uri"] == "s3://landing/airports/2026 01.csv"
    log = aws.run_log(alert.body["run"]).read_text()
    assert """'--environment', '{"landing": "landing"}', '--uri', 's3://landing/airports/2026 01.csv'""" in log
    executions = aws.client("stepfunctions").list_executions(stateMachineArn=stack["Machine"])["executions"]
    assert len(executions) == 1


def test_a_glue_job_of_the_template_keeps_its_settings(aws: LocalAws, stack: dict[str, str]) -> None:
    job = aws.client("glue").get_job(JobName="work")["Job"]
    assert (job["ExecutionProperty"], job["Timeout"], job["GlueVersion"]) == ({"MaxConcurrentRuns": 3}, 5, "5.1")


def test_a_schedule_starts_the_machine_with_its_input(aws: LocalAws, stack: dict[str, str]) -> None:
    inbox, scheduler = Inbox(aws, [stack["Topic"]]), aws.client("scheduler")
    daily = scheduler.get_schedule(Name=stack["Daily"])
    kept = {key: daily[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    scheduler.update_schedule(**kept, State="ENABLED")
    (alert,) = inbox.wait()
    assert alert.body["uri"] == "airports"
