"""`python -m tests.golden`: write what is missing of what is kept for ever.

The golden records of new types, the shapes of new types and fields, and the documents that are made
of them. Nothing that was shipped is changed: that is refused, with what to do instead (exit
code 1).
"""

import sys

from autolearn.schemas.upcasters import UPCASTERS
from tests.evolution import shapes
from tests.evolution.compatibility import faults, grown
from tests.golden import generated, missing

before, now = shapes.shipped(), shapes.present()
if refused := faults(before, now, UPCASTERS):
    sys.exit("\n".join(refused))
wanted = missing()
if grown(before, now) != before:
    wanted[shapes.PATH] = shapes.encoded(grown(before, now)).encode()
for path, value in wanted.items():
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(value)
    print(f"wrote {path}")
for path, text in generated.old().items():
    path.write_text(text)
    print(f"wrote {path}")
