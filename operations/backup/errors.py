"""The errors of backups. None leaves a half-done result."""

from __future__ import annotations

from autolearn.schemas.errors import AutoLearnError, ExitCode


class BackupRefused(AutoLearnError):
    """There is nothing to back up, the folder cannot take it, or a set cannot be restored."""

    title = "That cannot be done"
    exit_code = ExitCode.REFUSED


class Damaged(BackupRefused):
    """A set of files is not the backup that was made."""

    title = "The backup is damaged"


class NotEmpty(BackupRefused):
    """The target of a restore holds something else than this backup."""

    title = "Nothing was restored: there is something already"


class BackupFailed(AutoLearnError):
    """The files of a backup could not be written or read."""

    title = "The backup failed"
