"""Tokens: what is one, what of it may be shown, and what it is checked by."""

import hashlib

import pytest

from autolearn.schemas.access_tokens import Token, made_of

ID, SECRET = "0123456789abcdef", "-_" + "Az09" * 10 + "x"
WORD = f"al_{ID}_{SECRET}"


def test_a_token_is_read_as_it_is_said():
    token = made_of(ID, SECRET)
    assert token.word == WORD
    assert Token.read(WORD) == token
    assert token.digest == hashlib.sha256(SECRET.encode()).hexdigest()
    assert token.fits(token.digest)
    assert not token.fits(made_of(ID, "B" * 43).digest)


def test_a_token_does_not_show_its_secret():
    assert SECRET not in repr(made_of(ID, SECRET))
    assert SECRET not in f"{made_of(ID, SECRET)!r} {[made_of(ID, SECRET)]}"


@pytest.mark.parametrize(
    "word",
    [
        "",
        "al_",
        WORD[:-1],
        f"{WORD}A",
        f"{WORD}\n",
        f" {WORD}",
        WORD.upper(),
        WORD.replace("-", "+"),
        WORD.replace("al_", "tk_"),
        f"al_{ID[:-1]}_{SECRET}",
        f"al_{ID}{SECRET}",
        "é" * 63,
    ],
)
def test_what_is_no_token(word: str):
    assert Token.read(word) is None


def test_a_token_is_made_of_what_it_must_be():
    for identifier, secret in (("x" * 16, SECRET), (ID, "short"), ("", "")):
        with pytest.raises(ValueError, match="16 hex digits"):
            made_of(identifier, secret)
