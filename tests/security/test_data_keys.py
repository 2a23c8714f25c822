"""What is sealed: as the standards say, opened as it was sealed or not at all."""

import base64
import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from autolearn.security.data_key import NONCE, DataKey, Unreadable, about
from autolearn.security.master_keys import MasterKey

HERE = about("2-41-7", "autolearn.SessionOpened.v1", "session/a")

# McGrew and Viega, The Galois/Counter Mode of Operation, test cases 1, 2 and 4: the vectors of the
# submission that NIST SP 800-38D standardises. Key, nonce, associated data, clear, sealed, tag.
GCM = [
    ("00" * 16, "00" * 12, "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"),
    (
        "00" * 16,
        "00" * 12,
        "",
        "00" * 16,
        "0388dace60b6a392f328c2b971b2fe78",
        "ab6e47d42cec13bdf53a67b21257bddf",
    ),
    (
        "feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
        "5bc94fbc3221a5db94fae95ae7121a47",
    ),
]

# RFC 3394, 4.1 and 4.3: 128 bits of key data, wrapped with 128 and with 256 bits.
WRAP = [
    ("000102030405060708090A0B0C0D0E0F", "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
    (
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
    ),
]
WRAPPED_DATA = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


@pytest.mark.parametrize(("key", "nonce", "more", "clear", "sealed", "tag"), GCM)
def test_sealing_is_aes_gcm(key, nonce, more, clear, sealed, tag):
    given = bytes.fromhex(nonce + sealed + tag)
    opened = DataKey("k", bytes.fromhex(key)).open(given, bytes.fromhex(more))
    assert opened == bytes.fromhex(clear)
    again = AESGCM(bytes.fromhex(key)).encrypt(
        bytes.fromhex(nonce), bytes.fromhex(clear), bytes.fromhex(more)
    )
    assert again == given[NONCE:]


@pytest.mark.parametrize(("master", "wrapped"), WRAP)
def test_wrapping_is_aes_key_wrap(master, wrapped):
    key = MasterKey(bytes.fromhex(master))
    assert key.wrap(WRAPPED_DATA) == bytes.fromhex(wrapped)
    assert key.unwrap(bytes.fromhex(wrapped)) == WRAPPED_DATA


def test_what_was_sealed_is_opened():
    key = DataKey.new("a")
    for length in (0, 1, 15, 16, 17, 100_000):
        clear = random.Random(length).randbytes(length)
        sealed = key.seal(clear, HERE)
        assert len(sealed) == 12 + length + 16
        assert key.open(sealed, HERE) == clear
        assert key.open_text(base64.b64encode(sealed).decode(), HERE) == clear


def test_whatever_is_wrong_the_error_is_the_same():
    key = DataKey.new("a")
    sealed = key.seal(b'{"title":"Irises"}', HERE)
    cases = [
        (DataKey.new("a"), sealed, HERE),
        *((key, sealed[:end], HERE) for end in range(len(sealed))),
        *((key, flipped(sealed, bit), HERE) for bit in range(8 * len(sealed))),
        (key, sealed + b"\0", HERE),
        (key, sealed, about("2-42-7", "autolearn.SessionOpened.v1", "session/a")),
        (key, sealed, about("2-41-7", "autolearn.RunFailed.v1", "session/a")),
        (key, sealed, about("2-41-7", "autolearn.SessionOpened.v1", "session/b")),
    ]
    for one, content, where in cases:
        with pytest.raises(Unreadable) as error:
            one.open(content, where)
        assert error.value.diagnostics() == Unreadable().diagnostics()
        assert error.value.__cause__ is None
    for text in ("", "?", "====", base64.b64encode(sealed).decode()[:-1], "é"):
        with pytest.raises(Unreadable):
            key.open_text(text, HERE)


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_no_two_records_have_the_same_associated_data():
    assert about("a", "b", "c") != about("a", "b\0c", "")
    assert about("a", 'b","c', "") != about("a", "b", "c")


def test_nonces_do_not_repeat():
    key, count = DataKey.new("a"), 200_000
    assert len({key.seal(b"", b"")[:NONCE] for _ in range(count)}) == count


@pytest.mark.parametrize("length", [0, 8, 15, 24, 32])
def test_a_wrapped_key_of_another_length_is_no_key(length):
    with pytest.raises(Unreadable):
        DataKey("k", b"k" * length)


def test_a_key_wrapped_by_another_master_is_unreadable():
    wrapped = MasterKey.new().wrap(WRAPPED_DATA)
    for changed in (wrapped, wrapped[:-8], b"", flipped(wrapped, 7)):
        with pytest.raises(Unreadable):
            MasterKey.new().unwrap(changed)


def test_derived_keys_are_others():
    key = DataKey.new("a")
    found = {key.derived(purpose) for purpose in ("artifacts", "fingerprints")}
    assert len(found) == 2
    assert all(len(one) == 32 and key.key not in one for one in found)
