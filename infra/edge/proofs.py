"""What a gateway shows to the load balancers: a secret header, so that the way in by network alone is not enough.

Each gateway has two proofs, `a` and `b`. The load balancers take both, the gateway shows the one that the settings
file names; so one of them can be changed while the other is in use.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.names import logical

PROOF_HEADER = "X-Gateway-Proof"  # as tools/gateway/amazon/document.py maps it
GATEWAYS = ("external", "internal")
VERSIONS = ("a", "b")
LENGTH = 48


class ProofStack(Stack):
    """The proofs, in a stack of their own since load balancers and gateways need them."""

    def __init__(self, scope: Construct, id_: str, *, environment: str, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/{self.stack_name.lower()}",
            description="Encrypts what the gateways show to the load balancers",
            enable_key_rotation=True,
        )
        self.proofs = GatewayProofs(self, "Proofs", environment=environment, key=key)


class GatewayProofs(Construct):
    """The proofs of both gateways; templates hold only references to them."""

    def __init__(self, scope: Construct, id_: str, *, environment: str, key: kms.IKey) -> None:
        super().__init__(scope, id_)
        self._secrets = {
            (gateway, version): secretsmanager.CfnSecret(
                self,
                logical(f"{gateway}-{version}"),
                name=f"reclothes/{environment}/gateway/{gateway}-{version}",
                description=f"Shown by the {gateway} gateway to the load balancers",
                kms_key_id=key.key_arn,
                generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
                    secret_string_template="{}",  # noqa: S106 an empty document
                    generate_string_key="proof",
                    password_length=LENGTH,
                    exclude_punctuation=True,
                ),
            )
            for gateway in GATEWAYS
            for version in VERSIONS
        }

    def value(self, gateway: str, version: str) -> str:
        """A dynamic reference that CloudFormation resolves."""
        return f"{{{{resolve:secretsmanager:{self._secrets[gateway, version].ref}:SecretString:proof}}}}"

    def values(self, gateway: str) -> list[str]:
        """What the load balancers take from this gateway."""
        return [self.value(gateway, version) for version in VERSIONS]
