"""Expressions over the columns of a table, such as `tokens_b * 1e9` or `status == 'finished'`: arithmetic, and nothing else.

The rules are those of pandas' `DataFrame.eval`: names of columns, numbers, text in quotes, + - * / ** //, comparisons, and, or,
not, parentheses; a name with spaces or signs in it stands between backticks. Calls, attributes and indices are refused, so that
an expression from elsewhere can compute but not act.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sparselaw.errors import UserError

if TYPE_CHECKING:
    from pandas import DataFrame

_QUOTED = re.compile(r"`([^`]*)`")
_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: np.logical_not,
    ast.Invert: np.logical_not,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
MOST_DEEP = 50
ALLOWED = "use names of columns, numbers, text in quotes, + - * / **, comparisons, and, or, not"


def evaluate(text: str, frame: DataFrame, column: Callable[[str], Any]) -> Any:
    """The value of an expression: one for each row, or one for all.

    Args:
        text: the expression.
        frame: the table, for the names of its columns.
        column: gives the values of a column by its name.

    Raises:
        UserError: it cannot be read, does more than arithmetic, or names a column that is not there.
    """
    quoted: dict[str, str] = {}

    def placeholder(found: re.Match[str]) -> str:
        name = f"quoted_{len(quoted)}_"
        quoted[name] = found[1]
        return name

    try:
        tree = ast.parse(_QUOTED.sub(placeholder, text).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UserError(f"{text!r} cannot be read as an expression; {ALLOWED}.") from None
    return _Evaluation(text, {str(name) for name in frame.columns}, quoted, column).of(tree.body, 0)


class _Evaluation:
    def __init__(self, text: str, names: set[str], quoted: Mapping[str, str], column: Callable[[str], Any]) -> None:
        self.text, self.names, self.quoted, self.column = text, names, quoted, column

    def of(self, node: ast.AST, depth: int) -> Any:
        """The value of a part of the expression."""
        if depth > MOST_DEEP:
            raise UserError(f"{self.text!r} is nested too deeply; write it more simply.")
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            return node.value if isinstance(node.value, str) else np.float64(node.value)
        if isinstance(node, ast.Name):
            return self.named(self.quoted.get(node.id, node.id))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return self.applied(node.op, self.of(node.left, depth + 1), self.of(node.right, depth + 1))
        if isinstance(node, ast.UnaryOp):
            return self.applied(node.op, self.of(node.operand, depth + 1))
        if isinstance(node, ast.BoolOp):
            first, *others = (self.of(value, depth + 1) for value in node.values)
            for other in others:
                first = self.applied(node.op, first, other)
            return first
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPERATORS:
            return self.applied(node.ops[0], self.of(node.left, depth + 1), self.of(node.comparators[0], depth + 1))
        raise UserError(f"{self.text!r} does more than arithmetic; {ALLOWED}.")

    def named(self, name: str) -> Any:
        if name not in self.names:
            there = ", ".join(sorted(self.names)[:10])
            raise UserError(f"{self.text!r} names {name!r}, which is no column; the columns are {there}.")
        return self.column(name)

    def applied(self, kind: ast.AST, *values: Any) -> Any:
        try:
            with np.errstate(all="ignore"):
                return _OPERATORS[type(kind)](*values)
        except (TypeError, ValueError, OverflowError):
            raise UserError(f"{self.text!r} mixes text and numbers; {ALLOWED}.") from None
