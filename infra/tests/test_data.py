"""What keeps data: encrypted, only with TLS and a password of its own, backed up, over two zones in production."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.data.caches import reader_of_settings
from infra.environment import SERVICES
from infra.tests.support import ENVIRONMENTS
from infra.tests.templates import properties

PROTECTED = "prod"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_service_has_a_mysql_that_demands_tls_and_is_not_public(environment: str) -> None:
    databases = properties(environment, "AWS::RDS::DBInstance")
    groups = properties(environment, "AWS::RDS::DBParameterGroup")

    assert {database["DBName"] for database in databases.values()} == set(SERVICES)
    for where, database in databases.items():
        assert database["StorageEncrypted"] is True, where
        assert "KmsKeyId" in database, where
        assert database["PubliclyAccessible"] is False, where
        assert database["ManageMasterUserPassword"] is True, where
        assert database["BackupRetentionPeriod"] >= 1, where
    assert {group["Parameters"]["require_secure_transport"] for group in groups.values()} == {"1"}
    assert len(groups) == len(databases)


def test_production_survives_a_zone_and_cannot_be_deleted_by_mistake() -> None:
    for database in properties(PROTECTED, "AWS::RDS::DBInstance").values():
        assert database["MultiAZ"] is True
        assert database["DeletionProtection"] is True
        assert database["BackupRetentionPeriod"] == 35
    [cluster] = properties(PROTECTED, "AWS::DocDB::DBCluster").values()
    assert cluster["DeletionProtection"] is True
    assert len(properties(PROTECTED, "AWS::DocDB::DBInstance")) >= 2
    for cache in properties(PROTECTED, "AWS::ElastiCache::ReplicationGroup").values():
        assert cache["MultiAZEnabled"] is True
        assert cache["AutomaticFailoverEnabled"] is True
        assert cache["NumCacheClusters"] >= 2


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_documents_and_caches_speak_tls_with_users_and_are_encrypted(environment: str) -> None:
    [cluster] = properties(environment, "AWS::DocDB::DBCluster").values()
    [parameters] = properties(environment, "AWS::DocDB::DBClusterParameterGroup").values()
    assert cluster["StorageEncrypted"] is True
    assert parameters["Parameters"]["tls"] == "tls1.2+"
    caches = properties(environment, "AWS::ElastiCache::ReplicationGroup")
    assert len(caches) == 3
    for where, cache in caches.items():
        assert cache["TransitEncryptionEnabled"] is True, where
        assert cache["TransitEncryptionMode"] == "required", where
        assert cache["AtRestEncryptionEnabled"] is True, where
        assert cache["UserGroupIds"], where
        assert "NumNodeGroups" not in cache, where


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_service_but_admin_only_reads_the_system_settings(environment: str) -> None:
    users = properties(environment, "AWS::ElastiCache::User").values()
    rights = {user["UserName"]: user["AccessString"] for user in users if "-settings-" in user["UserId"]}

    assert set(rights) == set(SERVICES)
    for service in set(SERVICES) - {"admin"}:
        assert rights[service] == reader_of_settings(service)
        assert "%R~settings" in rights[service]
        assert "-@all" in rights[service].split()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_passwords_stand_in_no_template_and_change_by_themselves(environment: str) -> None:
    secrets = properties(environment, "AWS::SecretsManager::Secret")
    schedules = properties(environment, "AWS::SecretsManager::RotationSchedule").values()
    rotated = [schedule["SecretId"]["Ref"] for schedule in schedules]

    assert [where for where, one in secrets.items() if "SecretString" in one or "KmsKeyId" not in one] == []
    of_databases = [where.partition("/")[2] for where in secrets if "Relational" in where or "Documents" in where]
    assert sorted(rotated) == sorted(of_databases)
    for user in properties(environment, "AWS::ElastiCache::User").values():
        [password] = user["AuthenticationMode"]["Passwords"]
        assert _starts_with_reference(password)


def _starts_with_reference(value: Any) -> bool:
    return json.dumps(value).startswith('{"Fn::Join": ["", ["{{resolve:secretsmanager:')
