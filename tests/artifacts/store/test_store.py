"""One contract for every file system that keeps artifacts."""

import hashlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from autolearn.artifacts.store.copy import StoreSize, copy_all, held_by
from autolearn.artifacts.store.errors import (
    ArtifactMissing,
    ArtifactTooLarge,
    ArtifactUnreadable,
    Tampered,
)
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.schemas.values import DatasetRef


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    url = (tmp_path / "store").as_uri() if request.param == "file" else f"memory://{uuid.uuid4()}"
    return ArtifactStore(url)


def files_in(store: ArtifactStore) -> list[str]:
    files, root = fsspec.core.url_to_fs(store.url)
    return [name for name in files.find(root) if "/incoming/" not in name]


def test_content_that_is_collected_while_it_is_put_again_is_there(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
):
    blob = store.put_blob([b"abc"])
    store.delete_blob(blob.digest)
    monkeypatch.setattr(store, "exists", lambda _: True)  # it was, a moment ago
    assert store.put_blob([b"abc"]) == blob
    with store.open(blob.digest) as content:
        assert content.read() == b"abc"


def leftovers(store: ArtifactStore) -> list[str]:
    files, root = fsspec.core.url_to_fs(store.url)
    return files.find(f"{root}/incoming")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "b.json").write_bytes(b"{}")
    (made / "a.skops").write_bytes(b"abc")
    return made


def test_a_blob_is_named_by_its_sha256(store: ArtifactStore, tmp_path: Path) -> None:
    blob = store.put_blob([b"ab", b"c"])
    assert blob == (hashlib.sha256(b"abc").hexdigest(), 3)
    assert store.exists(blob.digest)
    with store.open(blob.digest) as handle:
        assert handle.read() == b"abc"
    assert store.fetch_blob(blob.digest, tmp_path).read_bytes() == b"abc"
    assert files_in(store)[0].endswith(f"/datasets/{blob.digest[:2]}/{blob.digest}")
    assert not leftovers(store)


def test_a_file_can_be_put(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a" * 3_000_000)
    assert store.put_blob(tmp_path / "x.csv").size == 3_000_000


def test_a_second_put_changes_nothing(store: ArtifactStore) -> None:
    first = store.put_blob([b"abc"])
    before = files_in(store)
    assert store.put_blob([b"a", b"bc"]) == first
    assert files_in(store) == before
    assert not leftovers(store)


def test_a_blob_over_the_limit_leaves_nothing(store: ArtifactStore) -> None:
    taken = []

    def chunks() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield b"12345"

    with pytest.raises(ArtifactTooLarge, match="more than 12 bytes"):
        store.put_blob(chunks(), max_bytes=12)
    assert taken == [0, 1, 2], "it must stop as soon as the limit is passed"
    assert not files_in(store)
    assert not leftovers(store)
    assert store.put_blob([b"12345"], max_bytes=5).size == 5


def test_a_source_that_fails_leaves_nothing(store: ArtifactStore) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"abc"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put_blob(chunks())
    assert not files_in(store)
    assert not leftovers(store)


def test_what_is_not_there(store: ArtifactStore, tmp_path: Path) -> None:
    for digest in ("0" * 64, "../../etc/passwd", "A" * 64):
        with pytest.raises(ArtifactMissing):
            store.open(digest)
        with pytest.raises(ArtifactMissing):
            store.fetch_blob(digest, tmp_path)
        with pytest.raises(ArtifactMissing):
            store.fetch_folder(digest, tmp_path)
    assert not store.exists("0" * 64)
    assert not store.folder_exists("0" * 64)


def test_a_folder_is_named_by_its_manifest(
    store: ArtifactStore, folder: Path, tmp_path: Path
) -> None:
    model = store.put_folder(folder)
    assert model.files == {
        "a.skops": hashlib.sha256(b"abc").hexdigest(),
        "b.json": hashlib.sha256(b"{}").hexdigest(),
    }
    into = tmp_path / "into"
    into.mkdir()
    found = store.fetch_folder(model.digest, into)
    assert (found / "a.skops").read_bytes() == b"abc"
    assert store.folder_exists(model.digest)
    assert store.put_folder(folder) == model
    sizes = [fsspec.core.url_to_fs(store.url)[0].size(name) for name in files_in(store)]
    assert sum(sizes) == model.bytes
    assert not leftovers(store)


@pytest.mark.parametrize("name", ["a.skops", "manifest.json"])
def test_a_changed_folder_is_refused(
    store: ArtifactStore, folder: Path, tmp_path: Path, name: str
) -> None:
    model = store.put_folder(folder)
    files, root = fsspec.core.url_to_fs(store.url)
    files.pipe_file(f"{root}/models/{model.digest}/{name}", b"evil")
    with pytest.raises(Tampered, match=name):
        store.fetch_folder(model.digest, tmp_path)


def test_a_changed_blob_is_refused(store: ArtifactStore, tmp_path: Path) -> None:
    digest = store.put_blob([b"abc"]).digest
    files, root = fsspec.core.url_to_fs(store.url)
    files.pipe_file(f"{root}/datasets/{digest[:2]}/{digest}", b"abd")
    with pytest.raises(Tampered):
        store.fetch_blob(digest, tmp_path)


def test_nothing_is_copied_on_a_local_file_system(tmp_path: Path, folder: Path) -> None:
    store = ArtifactStore((tmp_path / "store").as_uri())
    into = tmp_path / "into"
    into.mkdir()
    digest = store.put_blob([b"abc"]).digest
    assert store.fetch_blob(digest, into).is_relative_to(tmp_path / "store")
    model = store.put_folder(folder)
    assert store.fetch_folder(model.digest, into).is_relative_to(tmp_path / "store")
    assert not list(into.iterdir())


def test_many_may_put_the_same_at_once(store: ArtifactStore, folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        blobs = list(pool.map(lambda _: store.put_blob([b"same"] * 1000), range(16)))
        models = list(pool.map(lambda _: store.put_folder(folder), range(16)))
    assert len(set(blobs)) == 1
    assert len({model.digest for model in models}) == 1
    assert len(files_in(store)) == 1 + 3
    assert not leftovers(store)


@given(some.lists(some.binary(max_size=50), max_size=6))
def test_how_content_is_cut_does_not_matter(chunks: list[bytes]) -> None:
    store = ArtifactStore("memory://cuts")
    whole = b"".join(chunks)
    assert store.put_blob(chunks) == (hashlib.sha256(whole).hexdigest(), len(whole))


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_everything_is_copied_to_another_store(store, kind, folder, tmp_path) -> None:
    other = (tmp_path / "other").as_uri() if kind == "file" else f"memory://{uuid.uuid4()}"
    target, told = ArtifactStore(other), []
    blob, model = store.put_blob([b"abc"]), store.put_folder(folder)
    assert not (folder / "manifest.json").exists(), "the source is left as it was"
    for _ in range(2):  # what is there already is fine
        copied = copy_all(store, target, lambda *each: told.append(each))
        assert copied == held_by(store) == held_by(target) == StoreSize(1, 1, 3 + model.bytes)
    assert told[-1] == (copied.bytes, copied.bytes)
    (tmp_path / "into").mkdir()
    assert target.fetch_blob(blob.digest, tmp_path / "into").read_bytes() == b"abc"
    assert (target.fetch_folder(model.digest, tmp_path / "into") / "a.skops").read_bytes() == b"abc"
    assert not leftovers(target)


def test_a_damaged_artifact_is_not_copied(store, tmp_path) -> None:
    digest = store.put_blob([b"abc"]).digest
    files, root = fsspec.core.url_to_fs(store.url)
    files.pipe_file(f"{root}/datasets/{digest[:2]}/{digest}", b"abd")
    target = ArtifactStore((tmp_path / "other").as_uri())
    with pytest.raises(Tampered, match=digest):
        copy_all(store, target, lambda *_: None)
    assert held_by(target) == StoreSize(0, 0, 0)


def test_what_is_kept_for_a_day_lies_apart_and_is_in_no_copy(
    store: ArtifactStore, folder: Path, tmp_path: Path
) -> None:
    passing = store.with_key(b"k" * 32, b"k" * 32).passing()
    blob, made = passing.put_blob([b"abc"]), passing.put_folder(folder)
    assert [name.split("/")[-3] for name in files_in(store) if blob.digest in name] == ["sent"]
    assert not store.exists(blob.digest)
    assert not store.folder_exists(made.folder)
    assert passing.with_key(b"k" * 32).folder_exists(made.folder)
    assert b"".join(passing.read_file(made, "a.skops").chunks) == b"abc"
    assert held_by(store) == StoreSize(0, 0, 0)
    target = ArtifactStore((tmp_path / "copy").as_uri())
    assert copy_all(store, target, lambda *_: None) == StoreSize(0, 0, 0)
    assert files_in(target) == []
    for kind, digest in (("sent", blob.digest), ("predictions", made.folder)):
        assert [one.digest for one in store.contents(kind)] == [digest]
        assert store.put_after(0, kind, digest) is not store.url.startswith("memory")
        assert store.delete(kind, digest)
        assert store.contents(kind) == []


def test_a_dataset_is_read_at_any_place(store: ArtifactStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    path = tmp_path / "data"
    path.write_bytes(content)
    version, key = hashlib.sha256(content).hexdigest(), b"k" * 32
    store.put_blob(path)
    sealed = store.put_sealed(path, key, version)
    clear, secret = DatasetRef("d", version), DatasetRef("d", version, sealed.digest, "keyid")
    for ref in (clear, secret):
        ranges = store.with_key(None, key).dataset_ranges(ref)
        assert ranges.size == len(content)
        for offset in (len(content) - 5, 0, 1 << 20, (1 << 20) - 50, 7):
            assert ranges.read(offset, 3000) == content[offset : offset + 3000]
        ranges.close()
    assert store.dataset_ranges(clear).read(0, 3) == content[:3]
    for wrong in (store, store.with_key(None, b"K" * 32)):
        with pytest.raises(ArtifactUnreadable):
            wrong.dataset_ranges(secret).read(0, 3)
    store.delete_blob(version)
    store.delete_blob(sealed.digest)
    for ref in (clear, secret):
        with pytest.raises(ArtifactMissing):
            store.with_key(None, key).dataset_ranges(ref)
