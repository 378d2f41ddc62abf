"""Lock file of Apache Kafka's jars: coordinates, size and SHA-256 of each.

`streamgauge/cli/local/kafka/kafka.lock` decides Kafka's version. To move to another one, run
`python -m streamgauge.cli.local.kafka.lock 4.1.1`, review the diff, run the Kafka tests, commit.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamgauge.runtime.errors import FatalError

LOCK_FILE = Path(__file__).with_name("kafka.lock")
_KAFKA = ("org.apache.kafka", "kafka_2.13")
# Kafka uses slf4j 1.7 and ships log4j 2, but not the binding between them, without which the broker logs nothing.
_LOGGING = ("org.apache.logging.log4j", "log4j-slf4j-impl")
_LINE = re.compile(r"([\w.-]+):([\w.-]+):([\w.-]+) (\d+) ([0-9a-f]{64})")


@dataclass(frozen=True)
class Jar:
    """One locked file: Maven coordinates, size in bytes, SHA-256 in hex."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """Its name in the cache."""
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True)
class KafkaLock:
    """All jars of one Kafka version."""

    version: str
    jars: tuple[Jar, ...]


def parse(text: str) -> KafkaLock:
    """Read a lock's text; raises `FatalError` naming an invalid line (the file is part of the package)."""
    jars = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise FatalError(f"kafka.lock:{number}: expected `group:artifact:version bytes sha256`, got {line!r}")
        group, artifact, version, size, sha256 = match.groups()
        jars.append(Jar(group, artifact, version, int(size), sha256))
    versions = [jar.version for jar in jars if (jar.group, jar.artifact) == _KAFKA]
    if len(versions) != 1:
        raise FatalError(f"kafka.lock: expected one {':'.join(_KAFKA)}, found {len(versions)}")
    return KafkaLock(versions[0], tuple(jars))


def load() -> KafkaLock:
    """The committed lock."""
    return parse(LOCK_FILE.read_text())


def resolve(version: str) -> str:
    """Resolve Kafka `version` with its run-time dependencies; returns the lock's text.

    Downloads 45 MB, so blocks for long.
    """
    from jgo.maven import Dependency, MavenContext, PythonResolver

    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), resolver=PythonResolver())
        kafka = context.project(*_KAFKA).at_version(version).artifact()
        # Kafka alone: resolved together, log4j's parent would change the version of kafka-clients.
        _, dependencies = context.resolver.resolve([Dependency(kafka)])
        log4j = next(d.version for d in dependencies if d.artifactId == "log4j-core")
        binding = context.project(*_LOGGING).at_version(log4j).artifact()
        artifacts = [kafka, binding, *(d.artifact for d in dependencies)]
        with ThreadPoolExecutor(4) as pool:
            lines = sorted(pool.map(_line, artifacts))
    made_by = f"python -m streamgauge.cli.local.kafka.lock {version}"
    head = f"# Apache Kafka {version} by `{made_by}`: coordinates, bytes, SHA-256."
    return "\n".join([head, *lines, ""])


def _line(artifact: Any) -> str:
    content = artifact.resolve().read_bytes()
    name = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
    return f"{name} {len(content)} {hashlib.sha256(content).hexdigest()}"


if __name__ == "__main__":
    LOCK_FILE.write_text(resolve(sys.argv[1]))
