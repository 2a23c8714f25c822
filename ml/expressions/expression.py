"""An expression: Python's syntax, the nulls of SQL, and the functions of `FUNCTIONS` alone."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute

from autolearn.ml.errors import InputError
from autolearn.ml.expressions.errors import ExpressionError
from autolearn.ml.expressions.functions import FUNCTIONS, Function
from autolearn.ml.expressions.values import (
    NULL,
    NUMBERS,
    TYPES,
    Values,
    arithmetic,
    converted,
    kind_of,
    moment,
    negated,
    seconds,
)
from autolearn.schemas.bounds import cut
from autolearn.schemas.expressions.syntax import OPERATORS, ExpressionFault, ExpressionSyntax

pc: Any = compute
_pa: Any = pa
_COMPARISONS: dict[type, Callable[..., Values]] = {
    ast.Eq: pc.equal, ast.NotEq: pc.not_equal, ast.Lt: pc.less, ast.LtE: pc.less_equal,
    ast.Gt: pc.greater, ast.GtE: pc.greater_equal,
}  # fmt: skip
_WORDS = {"true": True, "false": False, "null": None}


class _Part(NamedTuple):
    """A part of an expression: its kind, and how its values come from the columns.

    `constant` holds the value of what is written in the expression.
    """

    kind: str
    values: Callable[[Mapping[str, Values]], Values]
    constant: tuple[Any, ...] = ()


class Expression:
    """An expression over columns of these Arrow types.

    `kind` is that of its result, `columns` the ones that it reads. A name in `backticks` may have
    any characters. Raises ExpressionError.
    """

    def __init__(self, text: str, columns: Mapping[str, Any]) -> None:
        self.text = text
        self._types = {name: kind_of(arrow) for name, arrow in columns.items()}
        self._found: dict[str, None] = {}
        try:
            self._syntax = ExpressionSyntax(text)
        except ExpressionFault as fault:
            raise ExpressionError(fault) from None
        part = self._part(self._syntax.body)
        self.kind, self._values = part.kind, part.values

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that it reads."""
        return tuple(self._found)

    def evaluate(self, table: pa.Table) -> Any:
        """Return the value of each row of a table. Raises InputError: a text is too large."""
        kind = "string" if self.kind == NULL else self.kind
        try:
            values = self._values({name: table[name] for name in self._found})
        except pa.ArrowException as error:  # beyond the bounds of a column
            raise InputError(f"the expression {cut(self.text)!r} cannot be done: {error}") from None
        if isinstance(values, pa.Scalar):
            values = _pa.repeat(values.cast(TYPES[kind]), table.num_rows)
        return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])

    def _error(self, node: ast.expr, why: str) -> ExpressionError:
        return ExpressionError(self._syntax.fault(node, why))

    def _part(self, node: ast.expr) -> _Part:
        match node:
            case ast.Constant(value=value):
                return self._constant(value)
            case ast.Name(id=name):
                return self._column(node, name)
            case ast.BoolOp(op=op, values=values):
                kernel = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
                parts = [self._truth(one) for one in values]
                return _Part("boolean", lambda at: _folded(kernel, [p.values(at) for p in parts]))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                truth = self._truth(operand)
                return _Part("boolean", lambda at: pc.invert(truth.values(at)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._negative(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return self._calculated(node, OPERATORS[type(op)], left, right)
            case ast.Compare(left=left, ops=ops, comparators=others):
                pairs = zip([left, *others], ops, others, strict=False)
                parts = [self._compared(one, op, other) for one, op, other in pairs]
                return _Part(
                    "boolean", lambda at: _folded(pc.and_kleene, [p.values(at) for p in parts])
                )
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._chosen(test, body, orelse)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._applied(FUNCTIONS[name], arguments)
        raise AssertionError("the syntax was checked")

    def _constant(self, value: Any) -> _Part:
        if value is None:
            return _Part(NULL, lambda _: pa.scalar(None, pa.string()), (None,))
        kind = {bool: "boolean", int: "integer", float: "number", str: "string"}[type(value)]
        scalar = pa.scalar(value, TYPES[kind])
        return _Part(kind, lambda _: scalar, (value,))

    def _column(self, node: ast.expr, name: str) -> _Part:
        column = self._syntax.column(name)
        if column not in self._types:
            if name in _WORDS:
                return self._constant(_WORDS[name])
            like = difflib.get_close_matches(column, list(self._types), n=1)
            perhaps = f"; perhaps {like[0]} is meant" if like else ""
            raise self._error(node, f"there is no column {cut(column)!r}{perhaps}")
        if not self._types[column]:
            raise self._error(node, f"the column {cut(column)} is of a type that it cannot use")
        self._found[column] = None
        return _Part(self._types[column], lambda at: at[column])

    def _truth(self, node: ast.expr) -> _Part:
        part = self._part(node)
        if part.kind not in ("boolean", NULL):
            raise self._error(node, f"{_a(part.kind)} stands where true or false is wanted")
        return self._as(node, part, "boolean")

    def _as(self, node: ast.expr, part: _Part, kind: str) -> _Part:
        """Return a part as one of another kind: null, integers, and written times fit in."""
        if part.kind == kind:
            return part
        if kind == "timestamp" and part.kind == "string" and part.constant:
            try:
                when = moment(part.constant[0])
            except ValueError:
                raise self._error(node, "that is no time as in 2026-11-27T12:00:00") from None
            return _Part(kind, lambda _: when)
        if part.kind == NULL or (part.kind, kind) == ("integer", "number"):
            return _Part(kind, lambda at: converted(part.values(at), part.kind, kind))
        raise self._error(node, f"{_a(part.kind)} stands where {_a(kind)} is wanted")

    def _common(self, nodes: list[ast.expr], parts: list[_Part]) -> tuple[str, list[_Part]]:
        """Return parts as those of one kind, and that."""
        kinds = {one.kind for one in parts} - {NULL}
        if kinds == {*NUMBERS}:
            kind = "number"
        elif "timestamp" in kinds:
            kind = "timestamp"
        else:
            first = [one.kind for one in parts if one.kind != NULL]
            kind = first[0] if first else "string"
        return kind, [self._as(*one, kind) for one in zip(nodes, parts, strict=True)]

    def _negative(self, node: ast.expr) -> _Part:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return self._constant(-node.value)
        part = self._part(node)
        kind = "number" if part.kind == NULL else part.kind
        if kind not in NUMBERS:
            raise self._error(node, f"{_a(kind)} has no sign")
        number = self._as(node, part, kind)
        return _Part(kind, lambda at: negated(number.values(at), kind))

    def _calculated(self, node: ast.expr, operator: str, left: ast.expr, right: ast.expr) -> _Part:
        nodes = [left, right]
        parts = [self._part(one) for one in nodes]
        kind, (one, other) = self._common(nodes, parts)
        if all(part.kind == NULL for part in parts):
            kind, one, other = (
                "number",
                *(self._as(n, p, "number") for n, p in zip(nodes, parts, strict=True)),
            )
        if kind == "string" and operator == "+":
            return _Part(
                kind, lambda at: pc.binary_join_element_wise(one.values(at), other.values(at), "")
            )
        if kind == "timestamp" and operator == "-":
            return _Part(
                "number", lambda at: pc.subtract(seconds(one.values(at)), seconds(other.values(at)))
            )
        if kind not in NUMBERS:
            raise self._error(node, f"{_a(kind)} cannot be used with {operator}")
        gives = "number" if operator in ("/", "**") else kind
        return _Part(gives, lambda at: arithmetic(operator, one.values(at), other.values(at), kind))

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> _Part:
        if isinstance(op, ast.Is | ast.IsNot):
            part, nothing = self._part(left), self._part(right)
            if nothing.kind != NULL:
                raise self._error(right, "only None comes after is")
            if isinstance(op, ast.Is):
                return _Part("boolean", lambda at: pc.is_null(part.values(at)))
            return _Part("boolean", lambda at: pc.is_valid(part.values(at)))
        if isinstance(op, ast.In | ast.NotIn):
            assert isinstance(right, ast.List | ast.Tuple | ast.Set), "the syntax was checked"
            equal = [self._compared(left, ast.Eq(), one) for one in right.elts]
            found = _Part(
                "boolean", lambda at: _folded(pc.or_kleene, [e.values(at) for e in equal])
            )
            if isinstance(op, ast.In):
                return found
            return _Part("boolean", lambda at: pc.invert(found.values(at)))
        nodes = [left, right]
        kind, (one, other) = self._common(nodes, [self._part(n) for n in nodes])
        kernel = _COMPARISONS[type(op)]
        if kind == "boolean" and not isinstance(op, ast.Eq | ast.NotEq):
            raise self._error(left, "true and false have no order")
        return _Part("boolean", lambda at: kernel(one.values(at), other.values(at)))

    def _chosen(self, test: ast.expr, body: ast.expr, orelse: ast.expr) -> _Part:
        truth, nodes = self._truth(test), [body, orelse]
        kind, (one, other) = self._common(nodes, [self._part(n) for n in nodes])
        return _Part(
            kind,
            lambda at: pc.if_else(
                pc.fill_null(truth.values(at), False), one.values(at), other.values(at)
            ),
        )

    def _applied(self, function: Function, arguments: list[ast.expr]) -> _Part:
        parts = [self._part(one) for one in arguments]
        first = len(function.takes) - function.constant
        fixed: list[Any] = []
        for one, part in zip(arguments[first:], parts[first:], strict=True):
            if function.constant:
                if not part.constant or part.kind not in function.takes[first + len(fixed)]:
                    raise self._error(one, "a value is written here, of the kind that it wants")
                fixed.append(part.constant[0])
        if function.constant:
            arguments, parts = arguments[:first], parts[:first]
        ready = [
            self._fitting(one, part, function.takes[min(place, len(function.takes) - 1)])
            for place, (one, part) in enumerate(zip(arguments, parts, strict=True))
        ]
        kind = ready[0].kind
        if len(ready) > 1:
            kind, ready = self._common(arguments, ready)
        typed = [kind] if function.typed else []
        return _Part(
            function.gives or kind,
            lambda at: function.kernel(*(p.values(at) for p in ready), *fixed, *typed),
        )

    def _fitting(self, node: ast.expr, part: _Part, kinds: tuple[str, ...]) -> _Part:
        if part.kind in kinds:
            return part
        return self._as(node, part, kinds[0])


def _folded(kernel: Callable[..., Values], values: list[Values]) -> Values:
    result = values[0]
    for one in values[1:]:
        result = kernel(result, one)
    return result


def _a(kind: str) -> str:
    return {"boolean": "true or false", "integer": "a whole number", "number": "a number"}.get(
        kind, {"string": "text", "timestamp": "a time"}.get(kind, "null")
    )
