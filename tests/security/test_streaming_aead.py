"""Files in segments: opened as they were sealed, or not at all; folders of a session with a key."""

import io
import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from autolearn.artifacts.store.copy import copy_all
from autolearn.artifacts.store.errors import ArtifactUnreadable, Tampered
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.security.streaming_aead import HEADER, CannotOpen, OpenedRanges, open_file, seal_file

KEY, SMALL = b"k" * 32, 64
CANARY = b"canary-4711"


def sealed(clear: bytes, key: bytes = KEY, about: bytes = b"a") -> bytes:
    target = io.BytesIO()
    seal_file(io.BytesIO(clear), target, key, about, segment=SMALL)
    return target.getvalue()


def opened(content: bytes, key: bytes = KEY, about: bytes = b"a") -> bytes:
    target = io.BytesIO()
    open_file(io.BytesIO(content), target, key, about, segment=SMALL)
    return target.getvalue()


@pytest.mark.parametrize("length", [0, 1, 23, 24, 25, 47, 48, 49, 71, 72, 73, 1000])
def test_what_was_sealed_is_opened(length):
    clear = secrets.token_bytes(length)
    content = sealed(clear)
    assert opened(content) == clear
    first, others = SMALL - HEADER - 16, SMALL - 16
    segments = 1 + max(0, -(-(length - first) // others))
    assert len(content) == HEADER + length + 16 * segments


@pytest.mark.parametrize("length", [0, 1, 23, 24, 25, 47, 48, 49, 71, 72, 73, 1000])
def test_any_range_of_what_was_sealed_is_opened(length):
    clear = secrets.token_bytes(length)
    content = sealed(clear)
    ranges = OpenedRanges(io.BytesIO(content), len(content), KEY, b"a", segment=SMALL)
    assert ranges.size == length
    for offset in (0, 1, 23, 24, 25, 72, length // 2, max(0, length - 1), length, length + 5):
        for many in (0, 1, 24, 49, length):
            assert ranges.read(offset, many) == clear[offset : offset + many]


def test_a_range_that_was_changed_is_not_opened():
    clear = secrets.token_bytes(200)
    content = sealed(clear)

    def read(changed: bytes, offset: int, key: bytes = KEY, about: bytes = b"a") -> bytes:
        source = io.BytesIO(changed)
        return OpenedRanges(source, len(changed), key, about, segment=SMALL).read(offset, 10)

    flipped = content[:100] + bytes([content[100] ^ 1]) + content[101:]
    assert read(flipped, 0) == clear[:10]
    swapped = content[:64] + content[128:192] + content[64:128] + content[192:]
    for wrong, offset in (
        (flipped, 50),
        (swapped, 50),
        (content[:192], 110),
        (content + b"0", 190),
    ):
        with pytest.raises(CannotOpen):
            read(wrong, offset)
    for key, about in ((b"K" * 32, b"a"), (KEY, b"b")):
        with pytest.raises(CannotOpen):
            read(content, 0, key, about)
    for short in (b"", content[:10], content[:24], b"\0" * 64):
        with pytest.raises(CannotOpen):
            read(short, 0)


def test_it_is_the_format_of_tink():
    """Written down once more, from its description."""
    clear = secrets.token_bytes(60)
    content = sealed(clear, about=b"name")
    salt, prefix = content[1:17], content[17:24]
    assert content[0] == 24
    key = HKDF(SHA256(), length=16, salt=salt, info=b"name").derive(KEY)
    first = AESGCM(key).decrypt(prefix + b"\0\0\0\0\0", content[24:64], None)
    second = AESGCM(key).decrypt(prefix + b"\0\0\0\1\1", content[64:], None)
    assert first + second == clear


def test_whatever_is_wrong_nothing_is_opened():
    content = sealed(secrets.token_bytes(200))
    segments = [content[at : at + SMALL] for at in range(0, len(content), SMALL)]
    wrong = [
        *(content[:end] for end in range(len(content))),
        content + b"\0",
        b"".join([segments[0], *segments[2:]]),
        b"".join([segments[0], segments[2], segments[1], *segments[3:]]),
        b"".join([*segments[:2], *segments[1:]]),
        *(
            content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            for at in range(len(content))
        ),
    ]
    for one in wrong:
        with pytest.raises(CannotOpen):
            opened(one)
    for key, about in ((b"x" * 32, b"a"), (KEY, b"b")):
        with pytest.raises(CannotOpen):
            opened(content, key, about)


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    local = (tmp_path / "store").as_uri()
    url = local if request.param == "file" else f"memory://sealed-{tmp_path.name}"
    return ArtifactStore(url, KEY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "model.skops").write_bytes(CANARY * 200_000)
    (made / "schema.json").write_bytes(b"{}")
    return made


def fetched(store: ArtifactStore, digest: str, into: Path) -> dict[str, bytes]:
    into.mkdir()
    found = store.fetch_folder(digest, into)
    return {path.name: path.read_bytes() for path in found.iterdir() if path.suffix != ".aead"}


def test_a_folder_is_encrypted_and_decrypted(store, folder, tmp_path):
    kept = store.put_folder(folder)
    plain = ArtifactStore((tmp_path / "plain").as_uri()).put_folder(folder)
    assert (kept.digest, kept.files, kept.bytes) == (plain.digest, plain.files, plain.bytes)
    assert kept.stored not in ("", kept.digest)
    assert kept.folder == kept.stored
    for path in store._files.find(store._root):
        assert CANARY not in store._files.cat_file(path)
    found = fetched(store, kept.stored, tmp_path / "into")
    found.pop("manifest.json", None)
    assert found == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_of_the_same_are_two(store, folder):
    assert store.put_folder(folder).stored != store.put_folder(folder).stored


def test_without_the_key_it_is_unreadable_and_nothing_is_left(store, folder, tmp_path):
    kept = store.put_folder(folder)
    for number, key in enumerate((None, b"x" * 32)):
        into = tmp_path / f"into{number}"
        with pytest.raises(ArtifactUnreadable):
            fetched(store.with_key(key), kept.stored, into)
        left = [path.name for path in into.iterdir() if path.suffix != ".aead"]
        assert left == []


def test_what_was_changed_is_found_by_its_hash_first(store, folder, tmp_path):
    kept = store.put_folder(folder)
    store._files.pipe_file(f"{store._folder(kept.stored)}/schema.json.aead", b"changed")
    with pytest.raises(Tampered):
        fetched(store, kept.stored, tmp_path / "into")


def test_what_is_in_clear_is_read_with_a_key_too(store, folder, tmp_path):
    kept = store.with_key(None).put_folder(folder)
    assert fetched(store, kept.digest, tmp_path / "into")["schema.json"] == b"{}"


def test_a_folder_is_deleted(store, folder):
    kept = store.put_folder(folder)
    assert store.delete_folder(kept.stored)
    assert not store.folder_exists(kept.stored)
    assert not store.delete_folder(kept.stored)
    assert [p for p in store._files.find(store._root) if "incoming" not in p] == []


def test_a_copy_needs_no_key(store, folder, tmp_path):
    kept = store.put_folder(folder)
    other = ArtifactStore((tmp_path / "other").as_uri())
    for _ in range(2):  # the second time it is there, and is checked
        copy_all(store.with_key(None), other, lambda *_: None)
    assert fetched(other.with_key(KEY), kept.stored, tmp_path / "into")["schema.json"] == b"{}"


def test_what_is_deleted_while_it_is_copied_is_left_out(store, folder, tmp_path):
    gone, kept = store.put_folder(folder), store.put_folder(folder)
    other = ArtifactStore((tmp_path / "other").as_uri())
    listed = store.folders
    store.folders = lambda: {**listed(), gone.stored: 1}
    store.delete_folder(gone.stored)
    copy_all(store, other, lambda *_: None)
    assert list(other.folders()) == [kept.stored]
