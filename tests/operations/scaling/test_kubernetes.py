"""A Deployment that follows the queue, through a server that speaks the API of Kubernetes."""

from collections.abc import Iterator

import pytest

from autolearn.operations.scaling.__main__ import Scaler
from autolearn.operations.scaling.kubernetes import Kubernetes
from autolearn.operations.scaling.provider import ProviderError
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.work.open_runs import OpenRun, OpenRuns
from tests.operations.scaling.test_demand import POOL, runs, worker
from tests.support.clusters.kubernetes_api import COST, Cluster, cluster


@pytest.fixture
def lab() -> Iterator[Cluster]:
    with cluster() as it:
        yield it


class Queue(OpenRuns):
    """Open runs without a log."""

    def __init__(self, *waiting: OpenRun) -> None:
        super().__init__(MemoryStore())
        self.waiting = waiting

    def all(self) -> list[OpenRun]:
        return [*self.waiting]


def test_a_deployment_grows_with_the_queue_and_shrinks_by_idle_pods_alone(lab: Cluster):
    scaler = Scaler(POOL, Kubernetes("autolearn-work", "lab", lab.url, idle_exit=10.0))

    def look(queue: list[OpenRun], busy: dict[str, int], now: float) -> list[str]:
        beats = [worker(pod, busy.get(pod, 0), pool="big", gpu="1") for pod in lab.pods]
        return [*scaler.look(Queue(*queue), beats, 100, now)]

    assert look([], {}, 0.0) == []
    assert look(runs(5), {}, 1.0) == ["5 waiting, 0 workers: started 3 replicas"]
    zero, one, two = lab.pods
    busy = {zero: 2, one: 2, two: 1}
    assert look(runs(2), busy, 2.0) == []  # a moment ago some were started
    assert look(runs(2), busy, 9.0) == ["2 waiting, 3 workers: started 4 replicas"]
    *_, three = lab.pods
    assert look([], {one: 1}, 18.0) == []
    assert look([], {one: 1}, 20.0) == ["0 waiting, 4 workers: let go 2 replicas"]
    assert [*lab.pods] == [one, three]
    assert int(lab.pods[one][COST]) > 0
    assert look([], {one: 1}, 31.0) == ["0 waiting, 2 workers: let go 1 replicas"]
    assert look([], {}, 45.0) == ["0 waiting, 1 workers: let go 0 replicas"]
    assert lab.pods == {}


def test_what_is_not_there_is_said_with_what_to_do(lab: Cluster):
    with pytest.raises(ProviderError, match=r"refuses GET .*/other/scale: 404 .* not found"):
        Kubernetes("other", "lab", lab.url, 10.0).jobs()
    with pytest.raises(ProviderError, match="does not answer"):
        Kubernetes("other", "lab", "http://127.0.0.1:1", 10.0).jobs()
