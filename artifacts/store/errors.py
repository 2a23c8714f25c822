"""The errors of the artifact store.

ArtifactError
├── ArtifactMissing
├── Tampered
├── ArtifactUnreadable
└── ArtifactTooLarge
"""

from __future__ import annotations

from autolearn.schemas.errors import AutoLearnError


class ArtifactError(AutoLearnError):
    """The artifact store could not do the request."""

    title = "The artifact store cannot do that"


class ArtifactMissing(ArtifactError):
    """There is no content of that name."""

    title = "An artifact is not in the store"


class Tampered(ArtifactError):
    """Stored content does not match its name."""

    title = "An artifact was changed after it was stored"


class ArtifactUnreadable(ArtifactError):
    """An artifact is encrypted, and the given key does not fit."""

    title = "An artifact is encrypted and cannot be read"

    def __init__(self) -> None:
        """Give no more details."""
        super().__init__("its key is not there, or this is not what was encrypted")


class ArtifactTooLarge(ArtifactError):
    """Content is over the limit; nothing of it was stored."""

    title = "The content is too large"


def missing(what: str, digest: str) -> ArtifactMissing:
    """Return the error for missing content."""
    return ArtifactMissing(
        f"there is no {what} {digest}",
        advice="Check that all processes use the same store (AUTOLEARN_ARTIFACTS).",
    )


def tampered(path: str) -> Tampered:
    """Return the error for content that does not match its name."""
    return Tampered(
        f"the bytes of {path} do not have the SHA-256 that they were stored under",
        advice="Restore the file from a backup; nothing was read from it.",
    )
