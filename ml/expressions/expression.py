"""An expression: Python's syntax, the nulls of SQL, and the functions of `FUNCTIONS` alone."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute

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

pc: Any = compute
_pa: Any = pa
_LONGEST, _DEEPEST, _MOST_PARTS = 2_000, 40, 1_000
_ARITHMETIC = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**",
}  # fmt: skip
_COMPARISONS: dict[type, Callable[..., Values]] = {
    ast.Eq: pc.equal, ast.NotEq: pc.not_equal, ast.Lt: pc.less, ast.LtE: pc.less_equal,
    ast.Gt: pc.greater, ast.GtE: pc.greater_equal,
}  # fmt: skip
_WORDS = {"true": True, "false": False, "null": None}
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`([^`]*)`""")


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
        self._quoted: dict[str, str] = {}
        self._moved: list[tuple[int, int]] = []
        if len(text) > _LONGEST:
            raise ExpressionError(text, _LONGEST, f"it has more than {_LONGEST:,} characters")
        tree = self._parsed(text)
        if sum(1 for _ in ast.walk(tree)) > _MOST_PARTS:
            raise ExpressionError(text, 1, "it has too many parts")
        part = self._part(tree.body, 0)
        self.kind, self._values = part.kind, part.values

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that it reads."""
        return tuple(self._found)

    def evaluate(self, table: pa.Table) -> Any:
        """Return the value of each row of a table."""
        kind = "string" if self.kind == NULL else self.kind
        values = self._values({name: table[name] for name in self._found})
        if isinstance(values, pa.Scalar):
            values = _pa.repeat(values.cast(TYPES[kind]), table.num_rows)
        return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])

    def _parsed(self, text: str) -> ast.Expression:
        """Parse, with plain names for those in backticks."""
        parts, last, length = [], 0, 0
        for found in _QUOTED.finditer(text):
            if found[1] is None:
                continue
            name = f"_quoted_{len(self._quoted)}"
            self._quoted[name] = found[1]
            parts += [text[last : found.start()], name]
            last = found.end()
            length = sum(map(len, parts))
            self._moved.append((length, last - length))
        parts.append(text[last:])
        try:
            # One line, in brackets: it may begin with white space, and go over several lines.
            source = "(" + "".join(parts).replace("\n", " ") + ")"
            self._source = source.encode(errors="replace")
            return ast.parse(source, mode="eval")
        except SyntaxError as error:
            said = (error.msg or "it cannot be read").partition(". Perhaps")[0]
            raise self._wrong(error.offset or 1, said) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise ExpressionError(text, 1, str(error) or "it is nested too deeply") from None

    def _wrong(self, place: int, why: str) -> ExpressionError:
        """Return the error for a place of the parsed text, counted from 1."""
        at = max(0, place - 2)  # the bracket
        moved = [by for since, by in self._moved if since <= at]
        return ExpressionError(
            self.text, min(at + (moved[-1] if moved else 0) + 1, len(self.text) + 1), why
        )

    def _error(self, node: ast.expr, why: str) -> ExpressionError:
        before = self._source[: node.col_offset]  # in UTF-8, as the offset is
        return self._wrong(len(before.decode(errors="ignore")) + 1, why)

    def _part(self, node: ast.expr, depth: int) -> _Part:
        if depth > _DEEPEST:
            raise self._error(node, "it is nested too deeply")
        match node:
            case ast.Constant(value=value):
                return self._constant(node, value)
            case ast.Name(id=name):
                return self._column(node, name)
            case ast.BoolOp(op=op, values=values):
                kernel = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
                parts = [self._truth(one, depth) for one in values]
                return _Part("boolean", lambda at: _folded(kernel, [p.values(at) for p in parts]))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                truth = self._truth(operand, depth)
                return _Part("boolean", lambda at: pc.invert(truth.values(at)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._negative(operand, depth)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self._calculated(node, _ARITHMETIC[type(op)], left, right, depth)
            case ast.Compare(left=left, ops=ops, comparators=others):
                pairs = zip([left, *others], ops, others, strict=False)
                parts = [self._compared(one, op, other, depth) for one, op, other in pairs]
                return _Part(
                    "boolean", lambda at: _folded(pc.and_kleene, [p.values(at) for p in parts])
                )
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._chosen(test, body, orelse, depth)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._called(node, name, arguments, depth)
        raise self._error(node, f"{type(node).__name__} is not part of the language")

    def _constant(self, node: ast.expr, value: Any) -> _Part:
        if value is None:
            return _Part(NULL, lambda _: pa.scalar(None, pa.string()), (None,))
        kind = {bool: "boolean", int: "integer", float: "number", str: "string"}.get(type(value))
        if kind is None or (kind == "number" and abs(value) == float("inf")):
            raise self._error(node, "that is neither text, a number, true, false nor null")
        if kind == "integer" and not -(2**63) <= value < 2**63:
            raise self._error(node, "the number is beyond 64 bits")
        scalar = pa.scalar(value, TYPES[kind])
        return _Part(kind, lambda _: scalar, (value,))

    def _column(self, node: ast.expr, name: str) -> _Part:
        column = self._quoted.get(name, name)
        if column not in self._types:
            if name in _WORDS:
                return self._constant(node, _WORDS[name])
            like = difflib.get_close_matches(column, list(self._types), n=1)
            perhaps = f"; perhaps {like[0]} is meant" if like else ""
            raise self._error(node, f"there is no column {cut(column)!r}{perhaps}")
        if not self._types[column]:
            raise self._error(node, f"the column {cut(column)} is of a type that it cannot use")
        self._found[column] = None
        return _Part(self._types[column], lambda at: at[column])

    def _truth(self, node: ast.expr, depth: int) -> _Part:
        part = self._part(node, depth + 1)
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

    def _negative(self, node: ast.expr, depth: int) -> _Part:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return self._constant(node, -node.value)
        part = self._part(node, depth + 1)
        kind = "number" if part.kind == NULL else part.kind
        if kind not in NUMBERS:
            raise self._error(node, f"{_a(kind)} has no sign")
        number = self._as(node, part, kind)
        return _Part(kind, lambda at: negated(number.values(at), kind))

    def _calculated(
        self, node: ast.expr, operator: str, left: ast.expr, right: ast.expr, depth: int
    ) -> _Part:
        nodes = [left, right]
        parts = [self._part(one, depth + 1) for one in nodes]
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

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr, depth: int) -> _Part:
        if isinstance(op, ast.Is | ast.IsNot):
            part, nothing = self._part(left, depth + 1), self._part(right, depth + 1)
            if nothing.kind != NULL:
                raise self._error(right, "only None comes after is")
            if isinstance(op, ast.Is):
                return _Part("boolean", lambda at: pc.is_null(part.values(at)))
            return _Part("boolean", lambda at: pc.is_valid(part.values(at)))
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple | ast.Set):
                raise self._error(right, "a list in square brackets comes after in")
            equal = [self._compared(left, ast.Eq(), one, depth) for one in right.elts]
            if not equal:
                raise self._error(right, "the list is empty")
            found = _Part(
                "boolean", lambda at: _folded(pc.or_kleene, [e.values(at) for e in equal])
            )
            if isinstance(op, ast.In):
                return found
            return _Part("boolean", lambda at: pc.invert(found.values(at)))
        nodes = [left, right]
        kind, (one, other) = self._common(nodes, [self._part(n, depth + 1) for n in nodes])
        kernel = _COMPARISONS[type(op)]
        if kind == "boolean" and not isinstance(op, ast.Eq | ast.NotEq):
            raise self._error(left, "true and false have no order")
        return _Part("boolean", lambda at: kernel(one.values(at), other.values(at)))

    def _chosen(self, test: ast.expr, body: ast.expr, orelse: ast.expr, depth: int) -> _Part:
        truth, nodes = self._truth(test, depth), [body, orelse]
        kind, (one, other) = self._common(nodes, [self._part(n, depth + 1) for n in nodes])
        return _Part(
            kind,
            lambda at: pc.if_else(
                pc.fill_null(truth.values(at), False), one.values(at), other.values(at)
            ),
        )

    def _called(self, node: ast.expr, name: str, arguments: list[ast.expr], depth: int) -> _Part:
        if name not in FUNCTIONS:
            like = difflib.get_close_matches(name, list(FUNCTIONS), n=1)
            perhaps = f"; perhaps {like[0]} is meant" if like else ""
            raise self._error(node, f"there is no function {cut(name)!r}{perhaps}")
        function = FUNCTIONS[name]
        most = len(function.takes)
        least = most if function.least is None else function.least
        if len(arguments) < least or (len(arguments) > most and not function.many):
            wanted = (
                f"{least} or more"
                if function.many
                else f"{least}"
                if least == most
                else f"{least} to {most}"
            )
            raise self._error(node, f"{name} takes {wanted} arguments, and has {len(arguments)}")
        return self._applied(function, arguments, depth)

    def _applied(self, function: Function, arguments: list[ast.expr], depth: int) -> _Part:
        parts = [self._part(one, depth + 1) for one in arguments]
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
