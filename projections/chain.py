"""The hash chain of `events`: verify it, prove an event, check a proof, show the public key.

`python -m autolearn.projections.chain verify [--backup DIR] [--checkpoints FILE]…`,
`prove EVENT FILE [--backup DIR]`, `check-proof FILE` or `public-key [--jwk]`; the first three take
`--public-key FILE`, several times if need be. Without it the key of this home is trusted. With
--json, standard output has one JSON document a line: `{"progress": {…}}` now and then, and last
`{"result": {…}}`.
Exit codes: 0 unbroken, or proved; 1 broken, or not proved; 2 bad arguments or settings, 3 no Kafka,
4 refused (no backup, the file exists), 5 failed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from autolearn.eventlog.process import home_of, open_log, read_settings
from autolearn.eventlog.signing import PublicKeys, SignatureRefused, SigningKey, key_path
from autolearn.projections.backups.errors import BackupRefused
from autolearn.projections.chains.proving import ProofRefused, Wanted, check_proof, prove
from autolearn.projections.chains.sources import BackupSource, LogSource, Source
from autolearn.projections.chains.verifying import Told, lines_of, verify_chain
from autolearn.schemas.chain import Proof
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import AutoLearnError, LogError, MalformedRecord, SettingsError
from autolearn.schemas.settings import Settings

__all__ = ["main"]

SHOWN_EVERY = 0.1
"""Seconds between two words about the progress."""
LARGEST_PROOF = 256 * 1024 * 1024
EXIT_CODES = {
    SettingsError: 2,
    LogError: 3,
    BackupRefused: 4,
    SignatureRefused: 1,
    ProofRefused: 1,
}
Done = tuple[Any, int]


def run_verify(chosen: argparse.Namespace, told: Told) -> Done:
    """Verify the log on the brokers, or a backup."""
    keys = keys_of(chosen)
    elsewhere = lines_of(chosen.checkpoints or ())
    with source_of(chosen.backup) as source:
        found = verify_chain(source, keys, elsewhere, told)
    return msgspec.to_builtins(found), 0 if found.unbroken else 1


def run_prove(chosen: argparse.Namespace, _: Told) -> Done:
    """Write the proof of an event to a new file."""
    wanted, keys = Wanted.of(chosen.event), keys_of(chosen)
    with source_of(chosen.backup) as source:
        proof = prove(source, wanted, keys)
    try:
        with chosen.file.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n")
    except FileExistsError:
        raise BackupRefused(f"{chosen.file} exists.", advice="Choose another name.") from None
    except OSError as error:
        raise BackupRefused(f"{chosen.file} cannot be written: {error.strerror}.") from None
    return {**proved(proof, keys), "file": str(chosen.file)}, 0


def run_check(chosen: argparse.Namespace, _: Told) -> Done:
    """Check the proof in a file; no log is asked."""
    try:
        with chosen.file.open("rb") as file:
            proof = from_json(file.read(LARGEST_PROOF), Proof)
    except OSError as error:
        raise SettingsError(f"{chosen.file} cannot be read: {error.strerror}.") from None
    except MalformedRecord as error:
        raise ProofRefused(f"{chosen.file} is no proof: {error.detail}") from None
    return proved(proof, keys_of(chosen)), 0


def proved(proof: Proof, keys: PublicKeys) -> dict[str, Any]:
    """Return what a proof says, once it is checked."""
    found = check_proof(proof, keys)
    event, signed = found.event, found.checkpoint
    return {
        "partition": signed.partition,
        "number": found.number,
        "event": msgspec.json.decode(proof.event),
        "id": event.id,
        "type": event.type,
        "stream": event.subject,
        "signed": signed.time,
        "of_events": signed.events,
    }


def run_public_key(chosen: argparse.Namespace, _: Told) -> Done:
    """Return the public half of this home's key."""
    key = own_key(read_settings())
    if chosen.jwk:
        return key.public_jwk(), 0
    return {"kid": key.kid, "pem": key.public_pem()}, 0


def keys_of(chosen: argparse.Namespace) -> PublicKeys:
    """Return the keys to trust: those given, or this home's."""
    if chosen.public_key:
        return PublicKeys.read(chosen.public_key)
    return own_key(read_settings()).public()


def own_key(settings: Settings) -> SigningKey:
    """Return the key of this home.

    Raises:
        SettingsError: there is none.
    """
    path = key_path(settings, home_of(settings))
    if not path.exists():
        raise SettingsError(
            f"There is no signing key at {path}.",
            title="There is no key",
            advice="Deciders make one at their first start. To check what others have signed, "
            "name their public key with --public-key.",
        )
    return SigningKey.load(path)


@contextmanager
def source_of(backup: Path | None) -> Iterator[Source]:
    """Open a backup, or the log on the brokers."""
    if backup is not None:
        yield BackupSource(backup)
        return
    settings = read_settings()
    log = open_log(settings)
    try:
        yield LogSource(log, settings)
    finally:
        log.close()


RUN: dict[str, Callable[[argparse.Namespace, Told], Done]] = {
    "verify": run_verify,
    "prove": run_prove,
    "check-proof": run_check,
    "public-key": run_public_key,
}


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Return the arguments as they are meant."""
    parser = argparse.ArgumentParser(prog="python -m autolearn.projections.chain")
    kinds = parser.add_subparsers(dest="what", required=True)
    for name in RUN:
        kind = kinds.add_parser(name)
        kind.add_argument("--json", action="store_true")
        if name == "prove":
            kind.add_argument("event")
        if name in ("prove", "check-proof"):
            kind.add_argument("file", type=Path)
        if name in ("verify", "prove"):
            kind.add_argument("--backup", type=Path)
        if name == "verify":
            kind.add_argument("--checkpoints", type=Path, action="append")
        if name == "public-key":
            kind.add_argument("--jwk", action="store_true")
        else:
            kind.add_argument("--public-key", type=Path, action="append")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the tool and return its exit code."""
    chosen, shown = parsed(arguments), 0.0

    def told(done: int, total: int) -> None:
        nonlocal shown
        if chosen.json and (done == total or time.monotonic() - shown > SHOWN_EVERY):
            shown = time.monotonic()
            print(json.dumps({"progress": {"done": done, "total": total}}), flush=True)

    try:
        result, code = RUN[chosen.what](chosen, told)
    except AutoLearnError as error:
        print(error.diagnostics(), file=sys.stderr)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 5)
    except KeyboardInterrupt:
        return 130
    shape = {"result": result} if chosen.json else result
    print(json.dumps(shape, indent=None if chosen.json else 2))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
