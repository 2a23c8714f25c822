"""`python -m tests.evolution`: refuse a change that old records could not survive (exit code 1)."""

import sys

from autolearn.schemas.upcasters import UPCASTERS
from tests.evolution.compatibility import faults, unnoted
from tests.evolution.shapes import present, shipped

before, now = shipped(), present()
found = faults(before, now, UPCASTERS) or unnoted(before, now)
for fault in found:
    print(fault, file=sys.stderr)
if not found:
    print(f"every record of {sum(map(len, before.values()))} shipped types can be read")
sys.exit(1 if found else 0)
