"""Methods that are described once, for both clients.

`operation` makes a method of a flow: it blocks on a `Blocking`, and is to be awaited on an
`Awaiting`. Both have the signature of the flow, and raise errors without the frames inside.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from autolearn.client.sdk.flows import Flow
from autolearn.client.sdk.transport import Awaiting, Blocking
from autolearn.schemas.errors import AutoLearnError

P = ParamSpec("P")
T = TypeVar("T")
X = TypeVar("X")
Y = TypeVar("Y")
B = TypeVar("B", covariant=True)
A = TypeVar("A", covariant=True)


class Either(Generic[B, A]):
    """The type of a flow's result that is a B for a `Blocking`, and an A for an `Awaiting`."""


class operation(Generic[P, B, A]):  # noqa: N801 - it is used as a decorator
    """A method that is defined once, as a flow, for both clients.

    On a `Blocking` it returns the flow's result, on an `Awaiting` an awaitable of it.
    """

    @overload
    def __init__(
        self: operation[P, X, Y], flow: Callable[Concatenate[Any, P], Flow[Either[X, Y]]]
    ) -> None: ...
    @overload
    def __init__(
        self: operation[P, T, T], flow: Callable[Concatenate[Any, P], Flow[T]]
    ) -> None: ...
    def __init__(self, flow: Callable[..., Flow[Any]]) -> None:
        self.flow = flow
        self.__doc__ = flow.__doc__

    @overload
    def __get__(self, client: Blocking, kind: type[Any]) -> Callable[P, B]: ...
    @overload
    def __get__(self, client: Awaiting, kind: type[Any]) -> Callable[P, Awaitable[A]]: ...
    @overload
    def __get__(self, client: None, kind: type[Any]) -> Callable[..., Any]: ...
    def __get__(self, client: Blocking | Awaiting | None, kind: type[Any]) -> Any:
        """Return the method of one client, or the function of a class."""
        function = self._awaiting if issubclass(kind, Awaiting) else self._blocking
        return function if client is None else MethodType(function, client)

    @functools.cached_property
    def _blocking(self) -> Callable[..., Any]:
        def method(client: Blocking, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            try:
                return client._drive(begun(self.flow, client, *args, **kwargs))
            except (AutoLearnError, WrongCall) as error:
                raise public(error) from None

        return like(method, self.flow, Blocking)

    @functools.cached_property
    def _awaiting(self) -> Callable[..., Any]:
        async def method(client: Awaiting, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            try:
                return await client._drive(begun(self.flow, client, *args, **kwargs))
            except (AutoLearnError, WrongCall) as error:
                raise public(error) from None

        return like(method, self.flow, Awaiting)


class WrongCall(Exception):
    """The arguments of a call do not fit; the text is that of the TypeError to raise."""


def begun(flow: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call the function of a flow.

    Raises:
        WrongCall: these are not its arguments.
    """
    try:
        return flow(*args, **kwargs)
    except TypeError:
        signature = inspect.signature(flow)
        try:
            signature.bind(*args, **kwargs)
        except TypeError as fault:
            hint = _hint(signature.parameters, kwargs)
            raise WrongCall(f"{flow.__name__}() {fault}{hint}") from None
        raise


def _hint(known: Mapping[str, object], given: Mapping[str, Any]) -> str:
    """Return how arguments of unknown names may have been meant."""
    unknown = {name: value for name, value in given.items() if name not in known}
    if not unknown:
        return ""
    close = difflib.get_close_matches(next(iter(unknown)), known, 1)
    if close:
        return f"; did you mean {close[0]}?"
    if "hyperparameters" in known:
        return f": a hyperparameter is given as hyperparameters={unknown!r}"
    return f": it takes {', '.join(name for name in known if name != 'self')}"


def public(error: Exception) -> Exception:
    """Return an error without the frames in which it was raised."""
    if isinstance(error, WrongCall):
        return TypeError(str(error))
    return error.with_traceback(None)


class _Source(str):
    """An annotation, shown as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def like(
    method: Callable[..., Any], flow: Callable[..., Any], kind: type[Any]
) -> Callable[..., Any]:
    """Give a method the name, text and signature of its flow, with the result for a client."""
    signature = inspect.signature(flow)
    parameters = [
        one.replace(annotation=_Source(one.annotation)) if isinstance(one.annotation, str) else one
        for one in signature.parameters.values()
    ]
    wrapped: Any = functools.wraps(flow)(method)
    wrapped.__signature__ = signature.replace(
        parameters=parameters,
        return_annotation=_Source(_result(str(signature.return_annotation), kind)),
    )
    function: Callable[..., Any] = wrapped
    return function


def _result(annotation: str, kind: type[Any]) -> str:
    """Return the result of a method, in the words of its flow: of Flow[X] or Either[X, Y]."""
    inner = re.sub(r"^(Flow|Pages)\[(.*)\]$", r"\2", annotation)
    if found := re.fullmatch(r"Either\[(.*)\]", inner):
        halves = _halves(found[1])
        return halves[issubclass(kind, Awaiting)]
    return inner


def _halves(words: str) -> Sequence[str]:
    """Split at the comma that is in no brackets."""
    for place, letter in enumerate(words):
        if letter == "," and words[:place].count("[") == words[:place].count("]"):
            return words[:place].strip(), words[place + 1 :].strip()
    return words, words
