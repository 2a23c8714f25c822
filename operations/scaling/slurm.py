"""Workers as jobs of Slurm, by `sbatch`, `squeue` and `scancel`.

A job is named <pool>-<number>, and its worker's instance likewise: so jobs of an earlier process
are known, none is started twice, and the folders of instances are used again. A worker ends itself
when it is idle; only jobs that have not started are cancelled.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from autolearn.operations.scaling.provider import ProviderError
from autolearn.runtime.child_process import python_command
from autolearn.schemas.workers.labels import Labels

_PATIENCE = 30.0
"""Seconds for an answer of Slurm."""


class _Job(NamedTuple):
    """A job of the pool."""

    id: str
    number: int
    pending: bool


class Slurm:
    """The jobs of a pool with a name. Raises ProviderError.

    The labels cores, memory (MiB) and gpu are asked of Slurm for each job; `options` are passed to
    `sbatch`, such as --partition=large. `environment` is that of the workers; `logs` is the folder
    of what they print.
    """

    def __init__(
        self,
        name: str,
        labels: Labels,
        environment: Mapping[str, str],
        logs: Path,
        options: Sequence[str] = (),
    ) -> None:
        self.name, self.environment, self.options = name, environment, [*options]
        self.logs = logs
        asked = {"cores": "--cpus-per-task={}", "memory": "--mem={}M", "gpu": "--gres=gpu:{}"}
        self.resources = [form.format(labels[one]) for one, form in asked.items() if one in labels]

    def jobs(self) -> int:
        """Return the number of jobs that have not ended."""
        return len(self._jobs())

    def start(self, many: int) -> str:
        """Submit so many jobs; return their ids."""
        used = {job.number for job in self._jobs()}
        free = islice((number for number in count() if number not in used), many)
        return "jobs " + ", ".join([self._submit(number) for number in free])

    def let_go(self, idle: Mapping[str, float], waiting: int, least: int) -> str:  # noqa: ARG002
        """Cancel the jobs that have not started, if nothing waits; workers end themselves."""
        jobs = self._jobs()
        pending = [job.id for job in jobs if job.pending][: max(0, len(jobs) - least)]
        if waiting or not pending:
            return ""
        self._run("scancel", "--state=PENDING", *pending)  # one that has started meanwhile stays
        return f"jobs {', '.join(pending)}, which had not started"

    def _submit(self, number: int) -> str:
        name = f"{self.name}-{number}"
        worker = shlex.join(python_command("autolearn.agents", "work"))
        command = f"AUTOLEARN_INSTANCE={name} exec {worker}"
        about = (f"--job-name={name}", f"--output={self.logs / name}.log")
        given = ("--parsable", "--no-requeue", *about, *self.resources, *self.options)
        return self._run("sbatch", *given, "--wrap", command).split(";")[0].strip()

    def _jobs(self) -> list[_Job]:
        said = self._run("squeue", "--me", "--noheader", "--format=%i %T %j")
        form = re.compile(rf"(\S+) (\S+) {re.escape(self.name)}-(\d+)")
        found = (form.fullmatch(line.strip()) for line in said.splitlines())
        return [_Job(one[1], int(one[3]), one[2] == "PENDING") for one in found if one]

    def _run(self, *command: str) -> str:
        try:
            done = subprocess.run(
                command,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        except FileNotFoundError:
            advice = "Run it where jobs can be submitted, such as a login node."
            raise ProviderError(f"{command[0]} is not installed here.", advice=advice) from None
        except subprocess.TimeoutExpired:
            raise ProviderError(f"{command[0]} gives no answer for {_PATIENCE:g} s.") from None
        if done.returncode:
            why = done.stderr.strip()[:500]
            raise ProviderError(f"{command[0]} has failed: {why or done.returncode}")
        return done.stdout
