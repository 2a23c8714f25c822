"""The bytes of a text file: unpacked, and in UTF-8."""

from __future__ import annotations

import codecs
import io
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.arrow_file import arrow_file
from autolearn.artifacts.datasets.files.content import FileContent
from autolearn.schemas.bounds import cut

LARGEST_UNPACKED = 16 << 30
"""The most bytes of an unpacked file."""
GZIP, ZSTD, ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_NEVER_PACKED = (b"PAR1", b"ARROW1")
_LOOKED_AT = 1 << 20
HEAD, TAR_AT = 512, 257
"""First bytes that are examined, and the place of a tar archive's mark."""
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TEXT = {
    b"BZh": "packed with bzip2, which is not read: pack it with gzip, zstd or zip",
    b"\xfd7zXZ\0": "packed with xz, which is not read: pack it with gzip, zstd or zip",
    b"7z\xbc\xaf": "a 7-Zip archive, which is not read: pack it with gzip, zstd or zip",
    b"Rar!": "a RAR archive, which is not read: pack it with gzip, zstd or zip",
    b"SQLite format 3": "a SQLite database: export a table as CSV",
    b"%PDF-": "a PDF, which is no table: send CSV, Parquet or Excel (.xlsx)",
    b"\x89HDF": "HDF5: write the table as Parquet or CSV",
    b"\x93NUMPY": "an array of NumPy: write a table with named columns as Parquet or CSV",
    b"ORC": "ORC: write the table as Parquet or CSV",
    b"Obj\x01": "Avro: write the table as Parquet or CSV",
    **dict.fromkeys(
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        "a pickle, which is never read: write the table as Parquet or CSV",
    ),
    **dict.fromkeys(
        (b"\x89PNG", b"\xff\xd8\xff", b"GIF8"),
        "an image, which is no table: send CSV, Parquet or Excel (.xlsx)",
    ),
    b"FEA1": "Feather of version 1: write version 2, Parquet or CSV",
    b"\xff\xff\xff\xff": "a stream of Arrow: write an Arrow file (Feather), Parquet or CSV",
    b"PARE": "an encrypted Parquet file: write it without encryption",
    b"PK\x05\x06": "a ZIP archive without a file: pack one",
    b"HEADER RECORD*******": "a transport file of SAS: write the table as Parquet or CSV",
    b"$FL2": "a file of SPSS: write the table as Parquet or CSV",
    b"<stata_dta>": "a file of Stata: write the table as Parquet or CSV",
}
"""First bytes of known formats that cannot be read: name and remedy."""
_OTHER_SHEETS = {
    "content.xml": "OpenDocument (.ods)",
    "xl/workbook.bin": "a binary workbook (.xlsb)",
    "Index/Document.iwa": "a document of Apple Numbers",
}
"""The marks of spreadsheets in archives that are not read."""
_OF_NO_FILES = ("idna", "punycode", "raw-unicode-escape", "unicode-escape")
"""Encodings of names and of source code."""
UTF8 = ("utf-8", "utf-8-sig")


BEGINNINGS = {
    "<?xml": "XML",
    **dict.fromkeys(
        ("<!doctype", "<html", "<head", "<body", "<table", "<meta", "<style", "<div"),
        "an HTML page, perhaps of an error",
    ),
    "version https://git-lfs": "a pointer of Git LFS and not the file itself (git lfs pull)",
    "@relation": "ARFF",
    **dict.fromkeys(
        ("insert into ", "create table ", "drop table ", "-- mysql dump", "-- postgresql database"),
        "SQL",
    ),
}
"""Beginnings of text, in lower case, that is no table, and its name."""


def _head_of(path: FileContent) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def compression_of(path: FileContent) -> str:
    """Return the compression of a file, by its first bytes: "", gzip, zstd or zip.

    Raises DatasetRefused for known formats that are no text.
    """
    head = _head_of(path)
    _check_known(head, "The file is")
    kinds = {"gzip": GZIP, "zstd": ZSTD, "zip": ZIP}
    return next((name for name, mark in kinds.items() if head.startswith(mark)), "")


def _check_known(head: bytes, what: str) -> None:
    """Raise DatasetRefused for the first bytes of a known format that is no text."""
    other = next((words for mark, words in _NO_TEXT.items() if head.startswith(mark)), "")
    if head[TAR_AT : TAR_AT + 5] == b"ustar":
        other = "a tar archive, which is not read: pack the file alone with gzip, zstd or zip"
    is_text = head.isascii() and b"\0" not in head
    if other and not (is_text and b"," in head.partition(b"\n")[0]):
        raise DatasetRefused(f"{what} {other}.")


def unpacked_head(path: FileContent, most: int) -> bytes:
    """Return the first bytes of a file, unpacked if it is packed.

    Raises DatasetRefused if that is packed again, or no text.
    """
    compression = compression_of(path)
    with _unpacked(path, compression) as stream:
        head = read(stream, most)
    if compression:
        _check_known(head, "What is packed is")
        if head.startswith((GZIP, ZSTD, ZIP, *_NEVER_PACKED)):
            raise DatasetRefused(
                f"What is packed with {compression} is no text: send it unpacked (Parquet, Arrow "
                "and Excel files are packed in themselves)."
            )
    return head


def is_also_utf8(path: FileContent, compression: str) -> bool:
    """Return whether a file begins like UTF-8, with letters that differ in other encodings."""
    with _unpacked(path, compression) as stream:
        head = read(stream, _LOOKED_AT)
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(head).isascii()
    except UnicodeDecodeError:
        return False


def _unpacked(path: FileContent, compression: str) -> Any:
    if compression == "zip":
        return pa.PythonFile(_member_of(path), mode="r")
    file = arrow_file(path)
    if not compression:
        return file
    return pa.CompressedInputStream(file, compression)  # type: ignore[arg-type]


def _member_of(path: FileContent) -> Any:
    """Return the only file of an archive, opened. Raises DatasetRefused."""
    try:
        archive = zipfile.ZipFile(path if isinstance(path, Path) else path.open("rb"))
        names = [
            one.filename
            for one in archive.infolist()
            if not one.is_dir()
            and not one.filename.startswith("__MACOSX/")
            and not one.filename.rpartition("/")[2].startswith(".")
        ]
        other = next((what for part, what in _OTHER_SHEETS.items() if part in names), "")
        if other:
            raise DatasetRefused(f"The file is {other}: save it as .xlsx, or as CSV.")
        if len(names) != 1:
            shown = ", ".join(cut(name) for name in names[:5]) or "none"
            raise DatasetRefused(
                f"The ZIP archive has {len(names)} files ({shown}): send an archive of one file, "
                "or the file itself."
            )
        return archive.open(names[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DatasetRefused(
            f"The ZIP archive cannot be read ({error}): pack the file again, without a password, "
            "or send it unpacked."
        ) from None


def open_text(path: FileContent, compression: str, encoding: str) -> Any:
    """Return a file as a stream of UTF-8, with its byte order mark if it has one.

    Raises DatasetRefused.
    """
    stream = _unpacked(path, compression)
    if encoding in UTF8:
        return stream
    return pa.transcoding_input_stream(stream, encoding, "utf-8")


def encoding_of(path: FileContent, compression: str, wanted: str) -> str:
    """Return the encoding of a file: the `wanted` one, that of its mark, or UTF-8.

    Raises DatasetRefused when there is none of that name.
    """
    if wanted:
        try:
            name = codecs.lookup(wanted).name
            "".encode("undefined" if name in _OF_NO_FILES else name)
        except (LookupError, TypeError, UnicodeError):
            raise DatasetRefused(
                f"There is no encoding {cut(wanted)!r}: name one such as utf-8, utf-16, latin-1 or "
                "windows-1252."
            ) from None
        return name
    with _unpacked(path, compression) as stream:
        head = read(stream, 4)
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8")


def read(stream: Any, most: int) -> bytes:
    """Read from a stream. Raises DatasetRefused for a damaged packed file."""
    try:
        return bytes(stream.read(most))
    except (OSError, EOFError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise DatasetRefused(
                f"A byte (0x{error.object[error.start]:02x}) is not of the encoding "
                f"{error.encoding}: name the right one with --encoding."
            ) from None
        raise DatasetRefused(
            f"The file is packed, and damaged ({str(error).partition(chr(10))[0][:200]}): pack it "
            "again, or send it unpacked."
        ) from None


def as_lines(text: str) -> io.StringIO:
    """Return text as lines with their original line ends."""
    return io.StringIO(text, newline="")
