"""Adds resource types to moto's CloudFormation: each is created by a call of boto3.

moto finds the class of a type among the subclasses of its model, the last one first, so a class for each type is
all it takes. A call gets the properties with their references already resolved, and gives the id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudformation.parsing import CloudFormationModel  # with all of its own models before ours

Properties = dict[str, Any]
Call = Callable[[Properties], str]
# What moto knew before.
KNOWN = {model.cloudformation_type() for model in CloudFormationModel.__subclasses__()}


def without_tags(expected: Properties) -> Properties:
    return {name: value for name, value in expected.items() if name != "Tags"}


def define_type(kind: str, make: Call) -> type[CloudFormationModel]:
    class Taught(CloudFormationModel):  # type: ignore[misc]
        def __init__(self, id_: str) -> None:
            self.physical_resource_id = id_

        @staticmethod
        def cloudformation_name_type() -> str:
            return ""

        @staticmethod
        def cloudformation_type() -> str:
            return kind

        @classmethod
        def create_from_cloudformation_json(cls, *arguments: Any, **_: Any) -> Taught:
            _name, body, *_place = arguments
            return cls(make(body["Properties"]))

        def get_cfn_attribute(self, attribute: str) -> str | list[str]:
            """The id, also as an endpoint's zone and name."""
            id_ = self.physical_resource_id
            return [f"zone-of-{id_}:name-of-{id_}"] if attribute == "DnsEntries" else id_

    return Taught
