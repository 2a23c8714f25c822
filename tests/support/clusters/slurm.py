"""A real Slurm of one node on this machine, with Debian's programs: munged, slurmctld, slurmd."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from autolearn.eventlog.embedded.probe import HeldPorts

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ctld}
SlurmdPort={slurmd}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4096 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def found_in(path: str) -> list[str]:
    """The programs that are not there; they are in `sbin`, which is not on every user's path."""
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


@contextmanager
def one_node(folder: Path, cpus: int = 2) -> Iterator[dict[str, str]]:
    """Run it, and give the environment in which sbatch speaks to it."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    host, user = socket.gethostname().partition(".")[0], getpass.getuser()
    ports = HeldPorts(0, 0)
    ctld, slurmd = ports.numbers
    conf = folder / "slurm.conf"
    words = {"host": host, "user": user, "ctld": ctld, "slurmd": slurmd, "cpus": cpus}
    conf.write_text(_CONF.format(folder=folder, **words))
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/null\n")
    path = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
    environment = {**os.environ, "PATH": path, "SLURM_CONF": str(conf)}
    munge = {name: f"--{name}={folder}/munge.{name}" for name in ("socket", "pid-file", "log-file")}
    ports.lend()
    with ExitStack() as running:
        for command in (
            [
                "munged",
                "-F",
                "--force",
                f"--key-file={key}",
                f"--seed-file={folder}/seed",
                *munge.values(),
            ],
            ["slurmctld", "-D", "-f", str(conf)],
            ["slurmd", "-D", "-f", str(conf), "-N", host],
        ):
            running.callback(_end, _start(command, environment, folder))
        _until_idle(environment, folder)
        yield environment
        subprocess.run(["scancel", "--me"], env=environment, check=False)


def _start(
    command: list[str], environment: dict[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    log = (folder / f"{command[0]}.log").open("wb")
    command = [shutil.which(command[0], path=environment["PATH"]) or command[0], *command[1:]]
    with log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _until_idle(environment: dict[str, str], folder: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        said = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if said.stdout.strip() == "idle":
            return
        time.sleep(0.2)
    logs = "\n".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
    raise AssertionError(f"Slurm is not ready: {said.stdout} {said.stderr}\n{logs}")
