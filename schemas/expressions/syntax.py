"""The syntax of expressions: of Python's the parts that belong to the language (docs/steps.md)."""

from __future__ import annotations

import ast
import difflib
import math
import re

from autolearn.schemas.bounds import cut
from autolearn.schemas.expressions.functions import ARGUMENTS, arguments_fault

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**",
}  # fmt: skip
_LONGEST, _DEEPEST, _MOST_PARTS = 2_000, 40, 1_000
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`([^`]*)`""")
_SHOWN = 40
"""Characters of the part that is not right, in the error."""
_TOO_DEEP = f"it is nested deeper than {_DEEPEST} levels"
_COMPARED = ast.Eq | ast.NotEq | ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Is | ast.IsNot


class ExpressionFault(Exception):
    """An expression is not right, from a place in it on, counted from 1."""

    def __init__(self, text: str, place: int, why: str) -> None:
        super().__init__(f"the expression {cut(text)!r} is not right at character {place}: {why}")


class ExpressionSyntax:
    """An expression that is right as far as its text tells: its tree is the `body`.

    A name in `backticks` may have any characters: `column` returns it for the name in the tree.
    Raises ExpressionFault.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._quoted: dict[str, str] = {}
        self._moved: list[tuple[int, int]] = []
        if not text.strip():
            raise ExpressionFault(text, 1, "it is empty")
        if len(text) > _LONGEST:
            raise ExpressionFault(text, _LONGEST, f"it has more than {_LONGEST:,} characters")
        tree = self._parsed(text)
        if sum(1 for _ in ast.walk(tree)) > _MOST_PARTS:
            raise ExpressionFault(text, 1, f"it has more than {_MOST_PARTS:,} parts")
        self.body = tree.body
        self._check(tree.body, 0)

    def column(self, name: str) -> str:
        """Return the column that a name in the tree stands for."""
        return self._quoted.get(name, name)

    def fault(self, node: ast.expr, why: str) -> ExpressionFault:
        """Return the fault of a part of the tree."""
        before = self._source[: node.col_offset]  # in UTF-8, as the offset is
        return self._at(len(before.decode(errors="ignore")) + 1, why)

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
            deep = said.startswith("too many nested parentheses")
            raise self._at(error.offset or 1, _TOO_DEEP if deep else said) from None
        except ValueError as error:
            raise ExpressionFault(text, 1, str(error)) from None
        except (RecursionError, MemoryError):  # of Python's parser
            raise ExpressionFault(text, 1, _TOO_DEEP) from None

    def _at(self, place: int, why: str) -> ExpressionFault:
        """Return the fault at a place of the parsed text, counted from 1."""
        at = max(0, place - 2)  # the bracket
        moved = [by for since, by in self._moved if since <= at]
        place = min(at + (moved[-1] if moved else 0) + 1, len(self.text) + 1)
        return ExpressionFault(self.text, place, why)

    def _check(self, node: ast.expr, depth: int) -> None:
        """Check a part and those in it. Raises ExpressionFault."""
        if depth > _DEEPEST:
            raise self.fault(node, _TOO_DEEP)
        for one in self._inside(node):
            self._check(one, depth + 1)

    def _inside(self, node: ast.expr) -> list[ast.expr]:
        """Return the parts of a part. Raises ExpressionFault if it is not of the language."""
        match node:
            case ast.Constant(value=value):
                self._check_constant(node, value)
                return []
            case ast.Name():
                return []
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                self._check_constant(node, -value)
                return []
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                return [operand]
            case ast.BoolOp(values=values):
                return values
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
                return [left, right]
            case ast.Compare(left=left, ops=operators, comparators=others):
                if any(isinstance(one, ast.In | ast.NotIn) for one in operators[:-1]):
                    raise self.fault(node, "a list ends a comparison: put it in brackets")
                pairs = zip(operators, others, strict=True)
                return [left, *(one for pair in pairs for one in self._compared(*pair))]
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return [test, body, orelse]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                self._check_call(node, name, len(arguments))
                return arguments
        raise self.fault(node, f"{self._written(node)} is not part of the language")

    def _check_constant(self, node: ast.expr, value: object) -> None:
        infinite = isinstance(value, float) and math.isinf(value)
        if infinite or not isinstance(value, bool | int | float | str | None):
            raise self.fault(node, "that is neither text, a number, true, false nor null")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise self.fault(node, "the number is beyond 64 bits")

    def _compared(self, operator: ast.cmpop, right: ast.expr) -> list[ast.expr]:
        """Return the parts on the right of a comparison."""
        if isinstance(operator, _COMPARED):
            return [right]
        if not isinstance(right, ast.List | ast.Tuple | ast.Set):
            raise self.fault(right, "a list in square brackets comes after in")
        if not right.elts:
            raise self.fault(right, "the list is empty")
        return right.elts

    def _check_call(self, node: ast.expr, name: str, arguments: int) -> None:
        if name not in ARGUMENTS:
            like = difflib.get_close_matches(name, ARGUMENTS, n=1)
            perhaps = f"; perhaps {like[0]} is meant" if like else ""
            raise self.fault(node, f"there is no function {cut(name)!r}{perhaps}")
        if why := arguments_fault(name, arguments):
            raise self.fault(node, why)

    def _written(self, node: ast.expr) -> str:
        """Return how a part is written."""
        written = self._source[node.col_offset : node.end_col_offset].decode(errors="replace")
        for name, column in self._quoted.items():
            written = written.replace(name, f"`{column}`")
        return repr(cut(written, _SHOWN))
