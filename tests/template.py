"""deploy/template.yaml as plain data: CloudFormation's short forms as its long ones.

Read by libyaml: the readers of cfn-lint and of MiniStack take a second or two, and each worker of the tests reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[1] / "deploy/template.yaml"


class _Loader(yaml.CSafeLoader):
    def long_form(self, tag: str, node: yaml.Node) -> dict[str, Any]:
        name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
        if isinstance(node, yaml.SequenceNode):
            return {name: self.construct_sequence(node, deep=True)}
        value = self.construct_scalar(node)
        return {name: value.split(".", 1) if name == "Fn::GetAtt" else value}


_Loader.add_multi_constructor("!", _Loader.long_form)


def read_template() -> dict[str, Any]:
    return dict(yaml.load(FILE.read_text("utf-8"), _Loader))
