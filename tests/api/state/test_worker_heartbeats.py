"""What a heartbeat says about the data is read with the key of the session only."""

import base64

from msgspec.structs import replace

from autolearn.api.state.worker_heartbeats import Heartbeats
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.schemas.codec import to_json
from autolearn.schemas.records.heartbeat import Heartbeat, Progress
from autolearn.schemas.topics import Topic
from autolearn.security.data_key import about_progress
from tests.support.encrypted_system import key_for, vault_of

SESSION = "0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90"


def test_the_loss_in_a_progress_is_read_with_the_key_alone():
    log = MemoryLog()
    with vault_of(log) as vault:
        keyid = key_for(vault, SESSION)
        content = vault.key(keyid).seal(b"loss 0.3", about_progress("t1"))
        sealed = base64.b64encode(content).decode()
        progress = Progress("t1", "training", SESSION, 1, "fitting, 40%", "", sealed, keyid)
        mine, others = (
            Heartbeats(log, "workers", vault),
            Heartbeats(log, "workers", SessionCipher()),
        )
        assert mine.detail(progress) == "loss 0.3"
        assert others.detail(progress) == ""
        assert mine.detail(replace(progress, run="t2")) == "", "it belongs to its run"
        assert others.detail(replace(progress, detail="loss 0.3", keyid="")) == "loss 0.3"


def test_a_process_that_drives_pipelines_is_no_worker_but_tells_of_its_runs():
    log = MemoryLog()
    log.create([Topic("workers", 1, 1, {})])
    there = Heartbeats(log, "workers", SessionCipher())
    run = Progress("r1", "pipeline", "pipeline/flowers", 1, "1 of 2 steps done, large", "")
    for beat in (
        Heartbeat("w1", "here", 1, ("training",), 2, ""),
        Heartbeat("api-1", "here", 2, (), 0, "", runs=(run,)),
    ):
        log.append("workers", to_json(beat), key=beat.worker)
    reader = log.reader("workers", {0: 0})
    there.beats.take(reader.read(10, 0), there.limit())
    reader.close()
    assert [beat.worker for beat, _ in there.workers()] == ["w1"]
    assert [(beat.worker, one) for beat, one in there.work()] == [("api-1", run)]
