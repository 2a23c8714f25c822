"""`python -m tests.golden`: write the golden files that are missing."""

from tests.golden import missing

for path, value in missing().items():
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(value)
    print(f"wrote {path}")
