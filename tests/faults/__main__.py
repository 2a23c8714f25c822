"""`make faults`, or `python -m tests.faults [SEED [SCALE [PART…]]]`; build/faults.json.

The same seed injects the same faults in the same order; what the machine makes of them differs.
With a scale of 0.1 there is a tenth of everything. PART is a method of `Run`, such as `hanging`.
"""

from __future__ import annotations

import logging
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import structlog

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.cluster import EmbeddedCluster
from autolearn.eventlog.embedded.install import install
from tests.agents.command_handling.test_simulated_write_path import simulate
from tests.bench.__main__ import machine
from tests.faults.dask_ground import DaskGround
from tests.faults.ground import Ground, Tally, ground, running
from tests.faults.kinds import dask, limits, pipelines
from tests.faults.kinds.brokers import WHICH, kill_one_of_three, restart_broker
from tests.faults.kinds.clock import HOUR, can_shift, shift_clock
from tests.faults.kinds.damage import HARMS, damage_folder, delete_folder
from tests.faults.kinds.disk import can_mount, fill_under_api, fill_under_broker, small_disk
from tests.faults.kinds.hang import TARGETS, installation
from tests.faults.kinds.kill import kill_all_types
from tests.faults.kinds.models import kill_monitor, kill_serving, pause_broker
from tests.faults.kinds.models import restart_broker as restart_under_models
from tests.faults.kinds.network import FAULTS, behind_proxy, disturb
from tests.faults.kinds.pause import pause_decider
from tests.faults.kinds.twice import ask_twice
from tests.faults.pipeline_ground import PipelineGround
from tests.faults.serving_ground import ServingGround
from tests.faults.verdict import Verdict

RESULT = Path("build/faults.json")
SIMULATED = 2000


class Run:
    """All schedules, one after the other, and what came of them."""

    def __init__(self, seed: int, folder: Path, scale: float = 1.0) -> None:
        self.seed, self.folder, self.scale = seed, folder, scale
        self.tally = Tally()
        self.schedules = 0
        self.verdicts: dict[str, Verdict] = {}

    def times(self, count: int) -> range:
        """How often something is done."""
        return range(max(1, round(count * self.scale)))

    def next_seed(self) -> int:
        self.seed += 1
        return self.seed

    def checked(self, on: Ground, name: str) -> None:
        """Have everything so far checked; it raises if something is lost or happened twice."""
        self.schedules += 1
        verdict = self.verdicts[on.prefix] = on.verdict(300)
        print(f"{name}: {verdict}", flush=True)

    def on_one_broker(self) -> None:
        folder = self.folder / "one"
        with (
            EmbeddedBroker(install(), folder / "kafka") as broker,
            ground(broker.bootstrap, folder, self.next_seed(), self.tally) as on,
        ):
            for _ in self.times(10):
                on.begin(self.next_seed())
                with on.load():
                    kill_all_types(on, 10)
                self.checked(on, "kill -9 of every type")
            for _ in self.times(5):
                on.begin(self.next_seed())
                with on.load():
                    restart_broker(on, broker)
                    restart_broker(on, broker)
                self.checked(on, "kill -9 of the only broker")
            for _ in self.times(5):
                on.begin(self.next_seed())
                with on.load(clients=1):
                    pause_decider(on)
                    pause_decider(on)
                self.checked(on, "SIGSTOP of a decider")
            on.begin(self.next_seed())
            with on.load():
                for harm in [harm for _ in self.times(3) for harm in HARMS]:
                    delete_folder(on)
                    damage_folder(on, harm)
            self.checked(on, "RocksDB folders deleted and damaged")
            on.begin(self.next_seed())
            ask_twice(on, len(self.times(50)))
            self.checked(on, "one request through two processes")
            for seconds in (HOUR, -HOUR) if can_shift() else ():
                on.begin(self.next_seed())
                with on.load():
                    shift_clock(on, seconds)
                self.checked(on, f"workers whose clock is {seconds} s off")

    def hanging(self) -> None:
        folder = self.folder / "hangs"
        for round_ in self.times(6):
            self.seed += 1
            with installation(folder / str(round_), self.seed, self.tally) as system:
                with system.load():
                    for target in TARGETS:
                        system.stop_one(target)
                self.schedules += 1
                verdict = self.verdicts[system.prefix] = system.verdict(300)
                print(f"SIGSTOP of every type: {verdict}", flush=True)

    def on_three_brokers(self) -> None:
        folder = self.folder / "three"
        copies = {"AUTOLEARN_REPLICATION": "3", "AUTOLEARN_MIN_INSYNC_REPLICAS": "2"}
        with (
            EmbeddedCluster(folder / "kafka") as cluster,
            ground(cluster.bootstrap, folder, self.next_seed(), self.tally, **copies) as on,
        ):
            for _ in self.times(4):
                on.begin(self.next_seed())
                with on.load():
                    for which in WHICH:
                        kill_one_of_three(on, cluster, which)
                self.checked(on, "kill -9 of one broker of three")

    def behind_a_proxy(self) -> None:
        folder = self.folder / "proxy"
        with (
            behind_proxy(folder / "kafka") as (broker, proxy),
            ground(broker.bootstrap, folder, self.next_seed(), self.tally) as on,
        ):
            on.put_behind(proxy)
            for fault in [fault for _ in self.times(2) for fault in FAULTS]:
                on.begin(self.next_seed())
                with on.load():
                    disturb(on, proxy, fault)
                self.checked(on, f"network: {fault}")

    def with_models(self) -> None:
        """Models that answer, while what serves and counts them is killed."""
        folder = self.folder / "models"
        with (
            EmbeddedBroker(install(), folder / "kafka") as broker,
            running(ServingGround(broker.bootstrap, folder, self.next_seed(), self.tally)) as on,
        ):
            on.begin(self.next_seed())
            with on.asked() as questions:
                kill_serving(on, questions, len(self.times(20)))
            self.checked(on, "kill -9 of serve")
            on.begin(self.next_seed())
            with on.asked() as questions:
                for number in self.times(6):
                    kill_monitor(on, others=number % 2 == 0)
            self.checked(on, "kill -9 of monitor")
            on.begin(self.next_seed())
            with on.asked(patience=60) as questions:
                for _ in self.times(3):
                    restart_under_models(on, questions, broker)
                    pause_broker(on, questions, broker)
            self.checked(on, "kill -9 and SIGSTOP of the broker while models answer")

    def with_pipelines(self) -> None:
        """Pipelines that are run, while what conducts them and does their steps is killed."""
        folder = self.folder / "pipelines"
        with (
            EmbeddedBroker(install(), folder / "kafka") as broker,
            running(PipelineGround(broker.bootstrap, folder, self.next_seed(), self.tally)) as on,
        ):
            for fault in (*pipelines.FAULTS, *limits.FAULTS):
                on.begin(self.next_seed())
                with on.load(clients=2):
                    for _ in self.times(20):
                        fault(on)
                self.checked(on, fault.__name__.replace("_", " "))

    def with_dask(self) -> None:
        """Steps that work on a Dask cluster, while its processes are killed."""
        folder = self.folder / "dask"
        with (
            EmbeddedBroker(install(), folder / "kafka") as broker,
            running(DaskGround(broker.bootstrap, folder, self.next_seed(), self.tally)) as on,
        ):
            for fault in dask.FAULTS:
                on.begin(self.next_seed())
                for _ in self.times(30):
                    fault(on)
                self.checked(on, fault.__name__.replace("_", " "))

    def with_pipelines_on_small_disks(self) -> None:
        """Pipelines whose steps and deliveries have no room on the disk."""
        folder = self.folder / "pipeline-disks"
        with (
            limits.small_disks(folder) as disks,
            EmbeddedBroker(install(), folder / "kafka") as broker,
            running(
                limits.SmallDisks(broker.bootstrap, folder, self.next_seed(), self.tally, *disks)
            ) as on,
        ):
            for fault in limits.DISK_FAULTS:
                on.begin(self.next_seed())
                for _ in self.times(20):
                    fault(on)
                self.checked(on, fault.__name__.replace("_", " "))

    def on_small_disks(self) -> None:
        folder = self.folder / "disks"
        with (
            small_disk(folder / "broker", 512) as under_broker,
            small_disk(folder / "api", 8) as under_api,
            EmbeddedBroker(install(), under_broker / "kafka") as broker,
            ground(broker.bootstrap, folder, self.next_seed(), self.tally) as on,
        ):
            on.begin(self.next_seed())
            with on.load():
                fill_under_api(on, under_api)
            self.checked(on, "a full disk under the read models")
            on.begin(self.next_seed())
            with on.load(clients=1):
                fill_under_broker(on, under_broker, broker)
            self.checked(on, "a full disk under the broker")

    def simulated(self) -> None:
        """The same write path in memory, under many more interleavings."""
        quiet = structlog.make_filtering_bound_logger(logging.ERROR)
        structlog.configure(wrapper_class=quiet)
        for seed in self.times(SIMULATED):
            simulate(seed)

    def result(self, seconds: float) -> dict[str, object]:
        """What is published. A schedule that lost something has raised `Broken` before this."""
        counts, last = self.tally.counts, self.verdicts.values()
        return {
            "schedules": self.schedules,
            "kills": counts["kills"],
            "zombies": counts["zombies"],
            "hangs": counts["hangs"],
            "zombie_appends": sum(verdict.zombies for verdict in last),
            "broker_restarts": counts["broker_restarts"],
            "one_of_three": counts["one_of_three"],
            "faults": dict(counts),
            "commands": sum(verdict.commands for verdict in last),
            "runs": sum(verdict.runs for verdict in last),
            "receipts": sum(verdict.receipts for verdict in last),
            "lost": 0,
            "twice": 0,
            "simulated_schedules": len(self.times(SIMULATED)),
            "seeds": self.tally.seeds,
            "seconds": round(seconds),
            "machine": machine(),
            "recovery": {
                fault: {
                    "count": len(times),
                    "p50_s": round(statistics.median(times), 2),
                    "max_s": round(max(times), 2),
                }
                for fault, times in self.tally.recoveries.items()
            },
        }


def main() -> None:
    """Run everything, and write build/faults.json. The folder of a run that fails is kept."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="autolearn-faults-"))
    seed, scale, *chosen = [*sys.argv[1:], *("1000", "1")[len(sys.argv) - 1 :]]
    run = Run(int(seed), folder, float(scale))
    parts = [run.simulated, run.hanging, run.on_one_broker]
    parts += [run.on_three_brokers, run.behind_a_proxy, run.with_models, run.with_pipelines]
    parts += [run.with_dask]
    parts += [run.on_small_disks, run.with_pipelines_on_small_disks] if can_mount() else []
    try:
        for part in [part for part in parts if part.__name__ in chosen] if chosen else parts:
            part()
            write(run.result(time.monotonic() - began))
    except BaseException:
        print(f"The logs, stores and brokers of this run are kept in {folder}.", file=sys.stderr)
        raise
    shutil.rmtree(folder)
    print(RESULT.read_text())


def write(result: dict[str, object]) -> None:
    """Publish what is done so far."""
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)))


if __name__ == "__main__":
    main()
