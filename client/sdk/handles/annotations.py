"""Notes and tags of sessions, experiments and trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.handle import Handle
from autolearn.client.sdk.operation import operation
from autolearn.schemas.rest.annotations import Annotated, Annotations

D = TypeVar("D", bound=Struct)


class AnnotationMethods(Handle[D]):
    """What sessions, experiments and trainings have in common: notes and tags."""

    def _annotated_path(self) -> str:
        """Return the path under which it is annotated: of a session, also as an experiment."""
        raise NotImplementedError

    @operation
    def note(self, text: str) -> Flow[Annotated]:
        """Add a note of up to 2,000 characters; return all notes and tags. A note stays."""
        return self._annotate("note", {"note": text})

    @operation
    def tag(self, *tags: str, remove: Sequence[str] = ()) -> Flow[Annotated]:
        """Add tags, and remove others; return all notes and tags."""
        return self._annotate("tag", {"tags": tags, "remove": remove})

    def _annotate(self, how: str, body: Mapping[str, object]) -> Flow[Annotated]:
        call = Call("POST", f"{self._annotated_path()}/{how}", Annotated, body=body)
        said = yield from ask(call)
        if self._data is not None:
            data: Any = self._data
            fields = {name for name in Annotations.__struct_fields__ if hasattr(data, name)}
            self._data = replace(data, **{name: getattr(said, name) for name in fields})
        return said
