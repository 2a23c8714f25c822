"""The hash chain of `events`: verify it, prove an event, check a proof, show the public key.

`python -m autolearn.operations.chain verify [--backup DIR] [--checkpoints FILE]…`,
`prove EVENT FILE [--backup DIR]`, `check-proof FILE [--artifact FOLDER]` or `public-key [--jwk]`;
the first three take `--public-key FILE`, several times if need be. Without it the key of this home
is trusted.
Exit code 1: broken, or not proved.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from autolearn.eventlog.kafka.connect import open_log
from autolearn.operations.backup.errors import BackupRefused
from autolearn.operations.chain.prediction_check import (
    ProvedPrediction,
    as_document,
    check_prediction,
)
from autolearn.operations.chain.proof import ProofRefused, Wanted, check_proof, prove
from autolearn.operations.chain.sources import BackupSource, LogSource, Source
from autolearn.operations.chain.verify import lines_of, verify_chain
from autolearn.operations.tool import ProgressLines, ToolResult, run_as_tool
from autolearn.runtime.home import home_of
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import ExitCode, MalformedRecord, SettingsError
from autolearn.schemas.records.checkpoint import Proof
from autolearn.schemas.records.prediction_proof import PREDICTION_FORM, PredictionProof
from autolearn.schemas.settings import Settings
from autolearn.security.signing_keys import PublicKeys, SigningKey, key_path

_LARGEST_PROOF = 256 * 1024 * 1024


def _run_verify(settings: Settings, chosen: argparse.Namespace, told: ProgressLines) -> ToolResult:
    """Verify the log on the brokers, or a backup."""
    keys = _keys_of(settings, chosen)
    elsewhere = lines_of(chosen.checkpoints or ())
    with _source_of(settings, chosen.backup) as source:
        found = verify_chain(source, keys, elsewhere, told)
    return found, ExitCode.DONE if found.unbroken else ExitCode.NO


def _run_prove(settings: Settings, chosen: argparse.Namespace, _: ProgressLines) -> ToolResult:
    """Write the proof of an event to a new file."""
    wanted, keys = Wanted.of(chosen.event), _keys_of(settings, chosen)
    with _source_of(settings, chosen.backup) as source:
        proof = prove(source, wanted, keys)
    try:
        with chosen.file.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n")
    except FileExistsError:
        raise BackupRefused(f"{chosen.file} exists.", advice="Choose another name.") from None
    except OSError as error:
        raise BackupRefused(f"{chosen.file} cannot be written: {error.strerror}.") from None
    return {**_proved(proof, keys), "file": str(chosen.file)}, ExitCode.DONE


def _run_check(settings: Settings, chosen: argparse.Namespace, _: ProgressLines) -> ToolResult:
    """Check the proof in a file, of an event or a prediction; no log is asked."""
    keys = _keys_of(settings, chosen)
    given = _read(chosen.file)
    if isinstance(given, PredictionProof):
        found = check_prediction(given, keys)
        again = "" if chosen.artifact is None else _again(found, chosen.artifact)
        return as_document(found, again), ExitCode.DONE
    if chosen.artifact is not None:
        raise SettingsError(f"{chosen.file} is the proof of an event: --artifact has no use.")
    return _proved(given, keys), ExitCode.DONE


def _again(found: ProvedPrediction, folder: Path) -> str:
    from autolearn.operations.chain.prediction_rerun import answer_again  # scikit-learn

    return answer_again(found, folder)


def _read(path: Path) -> Proof | PredictionProof:
    """Return the proof in a file. Raises SettingsError, ProofRefused."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_PROOF)
        kind = from_json(content, _Form).format
        if kind == PREDICTION_FORM:
            return from_json(content, PredictionProof)
        return from_json(content, Proof)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except MalformedRecord as error:
        raise ProofRefused(f"{path} is no proof: {error.detail}") from None


class _Form(msgspec.Struct):
    format: str = ""


def _proved(proof: Proof, keys: PublicKeys) -> dict[str, Any]:
    """Check a proof, and return its content."""
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


def _run_public_key(settings: Settings, chosen: argparse.Namespace, _: ProgressLines) -> ToolResult:
    key = _own_key(settings)
    if chosen.jwk:
        return key.public_jwk(), ExitCode.DONE
    return {"kid": key.kid, "pem": key.public_pem()}, ExitCode.DONE


def _keys_of(settings: Settings, chosen: argparse.Namespace) -> PublicKeys:
    if chosen.public_key:
        return PublicKeys.read(chosen.public_key)
    return _own_key(settings).public()


def _own_key(settings: Settings) -> SigningKey:
    """Return the key of this home.

    Raises:
        SettingsError: there is none.
    """
    path = key_path(settings.chain, home_of(settings))
    if not path.exists():
        raise SettingsError(
            f"There is no signing key at {path}.",
            title="There is no key",
            advice="Deciders make one at their first start. To check what others have signed, "
            "name their public key with --public-key.",
        )
    return SigningKey.load(path)


@contextmanager
def _source_of(settings: Settings, backup: Path | None) -> Iterator[Source]:
    """Open a backup, or the log on the brokers."""
    if backup is not None:
        yield BackupSource(backup)
        return
    with closing(open_log(settings)) as log:
        yield LogSource(log, settings)


_WORK = {
    "verify": _run_verify,
    "prove": _run_prove,
    "check-proof": _run_check,
    "public-key": _run_public_key,
}


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    found = argparse.ArgumentParser(prog="python -m autolearn.operations.chain")
    kinds = found.add_subparsers(dest="what", required=True)
    for name in _WORK:
        kind = kinds.add_parser(name)
        if name == "prove":
            kind.add_argument("event")
        if name in ("prove", "check-proof"):
            kind.add_argument("file", type=Path)
        if name in ("verify", "prove"):
            kind.add_argument("--backup", type=Path)
        if name == "check-proof":
            kind.add_argument("--artifact", type=Path)
        if name == "verify":
            kind.add_argument("--checkpoints", type=Path, action="append")
        if name == "public-key":
            kind.add_argument("--jwk", action="store_true")
        else:
            kind.add_argument("--public-key", type=Path, action="append")
    return found


if __name__ == "__main__":
    run_as_tool(
        lambda settings, chosen, told: _WORK[chosen.what](settings, chosen, told), _parser()
    )
