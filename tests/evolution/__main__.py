"""`python -m tests.evolution`: refuse a change that old records could not survive (exit code 1).

As well as documents that are not as the types make them.
"""

import sys

from autolearn.schemas.upcasters import UPCASTERS
from tests.evolution.compatibility import NOTE, faults, unnoted
from tests.evolution.shapes import present, shipped
from tests.golden import generated

before, now = shipped(), present()
found = faults(before, now, UPCASTERS) or unnoted(before, now)
found += [f"{path} is not as the code makes it.\n  {NOTE}" for path in generated.old()]
for fault in found:
    print(fault, file=sys.stderr)
if not found:
    print(f"every record of {sum(map(len, before.values()))} shipped types can be read")
sys.exit(1 if found else 0)
