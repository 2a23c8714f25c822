"""Methods that are described once, for both clients.

`operation` makes a method of a flow: it blocks on a `Blocking`, and is to be awaited on an
`Awaiting`. Both have the signature of the flow, and raise errors without the frames inside.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import itertools
import re
from collections.abc import Callable, Coroutine, Mapping
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from autolearn.client.sdk.flows import Flow
from autolearn.client.sdk.transport import Awaiting, Blocking
from autolearn.schemas.errors import AutoLearnError

P = ParamSpec("P")
T = TypeVar("T")
X = TypeVar("X")
Y = TypeVar("Y")
B = TypeVar("B", covariant=True)
A = TypeVar("A", covariant=True)
Sync = TypeVar("Sync", bound=Blocking)
Later = TypeVar("Later", bound=Awaiting)


class Either(Generic[B, A]):
    """The type of a flow's result that is a B for a `Blocking`, and an A for an `Awaiting`."""


def either(
    client: Any, blocking: Callable[..., X], awaiting: Callable[..., Y], *content: Any
) -> Either[X, Y]:
    """Make the one or the other of `content`, whichever is a client's."""
    made = (blocking if isinstance(client, Blocking) else awaiting)(*content)
    return cast("Either[X, Y]", made)


class operation(Generic[P, B, A]):  # noqa: N801 - it is used as a decorator
    """A method that is defined once, as a flow, for both clients.

    On a `Blocking` it returns the flow's result, on an `Awaiting` an awaitable of it.
    """

    _returns = ""
    """Its result in words, if not that of the flow."""

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
    def __get__(self, client: Awaiting, kind: type[Any]) -> Callable[P, Coroutine[Any, Any, A]]: ...
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
                result = client._drive(begun(self.flow, client, *args, **kwargs))
                return self._returned(client, result)
            except (AutoLearnError, WrongCall) as error:
                raise public(error) from None

        return like(method, self.flow, Blocking, self._returns)

    @functools.cached_property
    def _awaiting(self) -> Callable[..., Any]:
        async def method(client: Awaiting, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            try:
                result = await client._drive(begun(self.flow, client, *args, **kwargs))
                return self._returned(client, result)
            except (AutoLearnError, WrongCall) as error:
                raise public(error) from None

        return like(method, self.flow, Awaiting, self._returns)

    def _returned(self, client: Blocking | Awaiting, result: Any) -> Any:  # noqa: ARG002
        """Return the result of the method."""
        return result


class chained(operation[P, Any, Any]):  # noqa: N801 - it is used as a decorator
    """A method of one flow for both clients, which returns its object: `run.wait().results`."""

    _returns = "Self"

    @overload
    def __get__(self, client: Sync, kind: type[Any]) -> Callable[P, Sync]: ...
    @overload
    def __get__(
        self, client: Later, kind: type[Any]
    ) -> Callable[P, Coroutine[Any, Any, Later]]: ...
    @overload
    def __get__(self, client: None, kind: type[Any]) -> Callable[..., Any]: ...
    def __get__(self, client: Blocking | Awaiting | None, kind: type[Any]) -> Any:
        """Return the method of one client, or the function of a class."""
        return super().__get__(client, kind)

    def _returned(self, client: Blocking | Awaiting, result: Any) -> Any:  # noqa: ARG002
        return client


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
    method: Callable[..., Any], flow: Callable[..., Any], kind: type[Any], returns: str = ""
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
        return_annotation=_Source(returns or _result(str(signature.return_annotation), kind)),
    )
    function: Callable[..., Any] = wrapped
    return function


def _result(annotation: str, kind: type[Any]) -> str:
    """Return the result of a method, in the words of its flow."""
    found = re.fullmatch(r"(Flow|Pages)\[(.*)\]", annotation)
    if found is None:
        return annotation
    outer, inner = found.groups()
    if outer == "Pages":
        listed = "AsyncListing" if issubclass(kind, Awaiting) else "Listing"
        return f"{listed}[{_half(inner, kind)}]"
    either = re.fullmatch(r"Either\[(.*)\]", inner)
    return inner if either is None else _half(either[1], kind)


def _half(words: str, kind: type[Any]) -> str:
    """Return the words before the comma, for an `Awaiting` those behind it."""
    depths = itertools.accumulate((one == "[") - (one == "]") for one in words)
    place = next(n for n, depth in enumerate(depths) if not depth and words[n] == ",")
    return (words[place + 1 :] if issubclass(kind, Awaiting) else words[:place]).strip()
