"""Packages that are called: `sparselaw.fit` is a room with modules, and `sparselaw.fit(runs)` is `sparselaw.fit.fit(runs)`."""

from inspect import Signature, signature
from types import ModuleType
from typing import Any


class Verb(ModuleType):
    """A package that holds a function of its own name; a call of the package is a call of the function.

    A package becomes one in its `__init__`: `sys.modules[__name__].__class__ = Verb`.
    """

    @property
    def __signature__(self) -> Signature:
        return signature(self._verb)

    @property
    def _verb(self) -> Any:
        return getattr(self, self.__name__.rpartition(".")[2])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._verb(*args, **kwargs)
