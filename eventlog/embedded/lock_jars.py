"""For maintainers: resolve Kafka again and write kafka.lock.toml.

Run it as `python -m autolearn.eventlog.embedded.lock_jars`.
"""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
_LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"

_HEAD = (
    f"# {KAFKA}, what it needs, and its log. "
    "Written by: python -m autolearn.eventlog.embedded.lock_jars\n"
)


def _lock_text() -> str:
    """Resolve and download everything through jgo; return the lock file's new content."""
    from jgo.maven import MavenContext

    with TemporaryDirectory() as folder:
        maven = MavenContext(repo_cache=Path(folder))
        found: dict[tuple[str, str], Any] = {}
        # One root at a time: together, jgo would let the logger's BOM change Kafka's versions.
        for root in (KAFKA, _LOGGING):
            inputs, transitive = maven.resolver.resolve([maven.create_dependency(root)])
            for dependency in (*inputs, *transitive):
                found.setdefault((dependency.groupId, dependency.artifactId), dependency)
        return _HEAD + "".join(
            _entry(f"{group}:{artifact}:{one.version}", one.artifact.resolve().read_bytes())
            for (group, artifact), one in sorted(found.items(), key=lambda item: item[0])
        )


def _entry(coordinate: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f'\n[[jar]]\ncoordinate = "{coordinate}"\nsha256 = "{digest}"\nsize = {len(content)}\n'


if __name__ == "__main__":
    Path(__file__).with_name("kafka.lock.toml").write_text(_lock_text())
