"""Apache Kafka with four doors: SASL_SSL (SCRAM-SHA-512), SASL_PLAINTEXT, SSL with client certificates, and PLAINTEXT;
nobody may do what no rule allows, but for `admin` (by password or certificate) and whoever comes by the plaintext door.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.settings import Settings
from tests.support.secure_kafka.certificates import Authority

_PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure},LOGIN://127.0.0.1:{login},\
MUTUAL://127.0.0.1:{mutual},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure},LOGIN://127.0.0.1:{login},\
MUTUAL://127.0.0.1:{mutual}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,LOGIN:SASL_PLAINTEXT,MUTUAL:SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location={authority}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:CN=admin;User:ANONYMOUS
"""
ADMIN = "admin"
PASSWORD = "right-password"
RIGHTS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "cluster": ResourceType.BROKER,
    "transactional id": ResourceType.TRANSACTIONAL_ID,
}


class SecureKafka(LocalKafka):
    """A broker with TLS, SCRAM users and access control lists. `authority` signed its certificate."""

    def __init__(self, data_dir: Path, heap: str = "384m", stop: threading.Event | None = None) -> None:
        super().__init__(data_dir, free_port(), heap, stop)
        self.authority = Authority(self.data_dir / "certificates", "authority")
        self.stranger = Authority(self.data_dir / "certificates", "stranger")
        self.secure_port, self.login_port, self.mutual_port = free_port(), free_port(), free_port()

    def server_properties(self, controller_port: int) -> str:
        """The local broker's properties; of two lines the later one counts."""
        return super().server_properties(controller_port) + _PROPERTIES.format(
            port=self.port,
            secure=self.secure_port,
            login=self.login_port,
            mutual=self.mutual_port,
            controller=controller_port,
            keystore=self.authority.sign("broker"),
            authority=self.authority.certificate,
        )

    def add_user(self, name: str, *rights: tuple[str, str, str]) -> None:
        """A SCRAM user (the password is `PASSWORD`) with rights as (resource, its name, operation), no others.

        ("topic", "orders", "Read"); a name that ends in `*` is a prefix, `*` alone all of that kind.
        """
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        information = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        changed = admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(name, information, PASSWORD.encode())], request_timeout=30
        )
        for future in changed.values():
            future.result(timeout=30)
        rules = [_rule(name, *right) for right in rights]
        for created in admin.create_acls(rules, request_timeout=30).values() if rules else ():
            created.result(timeout=30)

    def settings(self, **values: Any) -> Settings:
        """Settings of a client that comes by the SASL_SSL door as `admin`, unless `values` say otherwise."""
        return Settings(**{**self.client(), **values})

    def client(self, user: str = ADMIN) -> Mapping[str, Any]:
        """The settings that a user's client needs, by name."""
        return {
            "bootstrap_servers": f"127.0.0.1:{self.secure_port}",
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": user,
            "sasl_password": PASSWORD,
            "ssl_ca_location": self.authority.certificate,
        }

    def certified(self, certificate: Path | None) -> Mapping[str, Any]:
        """The settings of a client that shows a certificate (a file of `Authority.sign`) instead of a password."""
        return {
            "bootstrap_servers": f"127.0.0.1:{self.mutual_port}",
            "security_protocol": "SSL",
            "ssl_ca_location": self.authority.certificate,
            "ssl_certificate_location": certificate,
            "ssl_key_location": certificate,
        }


def _rule(user: str, resource: str, name: str, operation: str) -> AclBinding:
    prefix = name.endswith("*") and name != "*"
    return AclBinding(
        RIGHTS[resource],
        name.removesuffix("*") if prefix else name,
        ResourcePatternType.PREFIXED if prefix else ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        getattr(AclOperation, operation.upper()),
        AclPermissionType.ALLOW,
    )
