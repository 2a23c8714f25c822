"""Proofs of single events: what is proved, and what proves nothing; without our code, too."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from joserfc.jwk import OKPKey
from msgspec import convert, to_builtins
from msgspec.structs import replace

from autolearn.operations.chain.proof import ProofRefused, Wanted, check_proof, prove
from autolearn.operations.chain.sources import LogSource
from autolearn.schemas.records.checkpoint import Proof
from autolearn.security.signing_keys import SignatureRefused, SigningKey
from tests.support import chains
from tests.support.chains import HERE, log_of

KEY, OTHER = (SigningKey(OKPKey.generate_key("Ed25519")) for _ in range(2))
RECORDS = chains.story(5)
COUNTED = chains.admitted(RECORDS)
TOKENS = chains.checkpoints(RECORDS, KEY, 10)
DOCUMENT = Path(__file__).parents[2] / "docs" / "chain.md"


def source(tokens: list[bytes] = TOKENS) -> LogSource:
    return LogSource(log_of(RECORDS, tokens), HERE)


def proof_of(offset: int) -> Proof:
    return prove(source(), Wanted.of(f"0-{offset}"), KEY.public())


def test_every_event_that_counts_can_be_proved():
    for number, offset in enumerate(COUNTED, 1):
        proof = proof_of(offset)
        found = check_proof(proof, KEY.public())
        assert found.number == number
        assert proof.event.encode() == RECORDS[offset].value
        assert len(proof.after) < 10, "the next checkpoint is near"
        identity = RECORDS[offset].event["id"]
        assert prove(source(), Wanted.of(identity), KEY.public()) == proof, "by id as by place"


def test_what_does_not_count_is_not_proved():
    late = next(i for i in range(len(RECORDS)) if i not in COUNTED)
    with pytest.raises(ProofRefused, match="does not count"):
        proof_of(late)
    for word in ("0-999999", "7-1", "0-9999-1", "0-term-9-nobody"):
        with pytest.raises(ProofRefused) as refused:
            prove(source(), Wanted.of(word), KEY.public())
        assert refused.value.title == "There is no such event"
    for word in ("", "nonsense", "-1", "0-", "0-1\n"):
        with pytest.raises(ProofRefused):
            Wanted.of(word)


def test_an_event_after_the_newest_checkpoint_is_not_proved_yet():
    with pytest.raises(ProofRefused, match="No checkpoint attests"):
        prove(source(TOKENS[:2]), Wanted.of(f"0-{COUNTED[25]}"), KEY.public())


def test_a_log_that_was_changed_proves_nothing():
    at = COUNTED[13]
    changed = [*RECORDS]
    changed[at] = changed[at].changed(actor="eve")
    forged = LogSource(log_of(changed, TOKENS), HERE)
    with pytest.raises(ProofRefused, match="come to"):
        prove(forged, Wanted.of(f"0-{at}"), KEY.public())


def mutations(proof: Proof, random: Random) -> dict[str, Proof]:
    """The same proof with one thing changed."""
    document, other = to_builtins(proof), proof_of(COUNTED[2])
    spot = random.randrange(len(proof.event))
    flipped = chr(ord(proof.event[spot]) ^ 1)
    changed = {
        "another event": {"event": other.event},
        "a character": {"event": proof.event[:spot] + flipped + proof.event[spot + 1 :]},
        "another hash before": {"before": other.before},
        "one digest less": {"after": proof.after[1:]},
        "one digest more": {"after": [*proof.after, "0" * 64]},
        "digests swapped": {"after": proof.after[::-1]},
        "another checkpoint": {"checkpoint": TOKENS[-1].decode()},
        "another partition": {"partition": 1},
        "a digest as the event": {"event": "", "after": [proof.after[0], *proof.after]},
        "signed by another": {"checkpoint": chains.checkpoints(RECORDS, OTHER, 10)[1].decode()},
    }
    return {name: convert(document | fields, Proof) for name, fields in changed.items()}


def without_us(proof: Proof, key: SigningKey, folder: Path) -> tuple[int, str]:
    """Run the script of docs/chain.md: exit code, and what it said."""
    (script,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    assert set(re.findall(r"^(?:import|from) (\w+)", script, flags=re.MULTILINE)) <= {
        "base64", "cryptography",
    }  # fmt: skip
    assert sum(bool(line.strip()) for line in script.splitlines()) <= 30
    (folder / "check.py").write_text(script)
    (folder / "proof.json").write_text(json.dumps(to_builtins(proof)))
    (folder / "key.pem").write_text(key.public_pem())
    done = subprocess.run(
        [sys.executable, "-I", "check.py", "proof.json", "key.pem"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_proof_that_was_changed_proves_nothing():
    proof, public = proof_of(COUNTED[13]), KEY.public()
    assert len(proof.after) > 2
    for name, changed in mutations(proof, Random(1)).items():
        with pytest.raises((ProofRefused, SignatureRefused)):
            raise AssertionError(f"{name}: {check_proof(changed, public)}")


def test_thirty_lines_without_us_say_the_same(tmp_path: Path):
    proof = proof_of(COUNTED[13])
    code, said = without_us(proof, KEY, tmp_path)
    assert (code, said.splitlines()[0][:36]) == (0, "proved: event 14 of partition 0, sig"), said
    assert without_us(proof, OTHER, tmp_path)[0] == 1
    for name, changed in mutations(proof, Random(2)).items():
        if name != "another partition":  # told, not signed: the script says which one is
            code, said = without_us(changed, KEY, tmp_path)
            assert (code, said.partition(":")[0]) == (1, "not proved"), name


def test_something_else_that_the_key_has_signed_is_no_checkpoint():
    proof = proof_of(COUNTED[13])
    payload = json.dumps({"partition": 0}).encode()
    for token in (KEY.sign(payload, "autolearn-checkpoint"), KEY.sign(payload, "JWT")):
        with pytest.raises(SignatureRefused):
            check_proof(replace(proof, checkpoint=token.decode()), KEY.public())
