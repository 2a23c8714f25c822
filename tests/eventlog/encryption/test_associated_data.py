"""What is said beside an encrypted command cannot be changed without its session's key."""

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.security.data_key import Unreadable
from tests.eventlog.encryption.test_keyring import A, ring
from tests.support.encrypted_system import made
from tests.support.random_histories import command_record
from tests.support.samples import request_training

STREAM = f"session/{A}"


def test_the_group_that_a_command_uses_and_who_gives_it_are_authentic():
    log = MemoryLog()
    log.create([Topics.of(Settings()).keys])
    keys = ring(log)
    try:
        cipher, keyid = SessionCipher(keys), made(keys, A).id
        command = request_training()
        plain = command_record(STREAM, command, "c1", actor="bob")
        sealed = cipher.seal(plain, command, keyid)
        by_group = cipher.seal(replace(plain, via="group/churn@7"), command, keyid)
        assert cipher.open(sealed).data == cipher.open(by_group).data == plain.data
        forged = (
            replace(sealed, via="group/churn@7"),
            replace(by_group, via="group/other@7"),
            replace(by_group, via=UNSET),
            replace(by_group, actor="eve"),
        )
        for record in forged:
            with pytest.raises(Unreadable):
                cipher.open(record)
    finally:
        keys.stop()
