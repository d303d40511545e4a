"""The state of a pruner: size, non-zeros and recent mask changes of each tensor."""

from dataclasses import dataclass

from sparselaw.counts import format_count


@dataclass(frozen=True)
class TensorReport:
    """One prunable tensor. `flips` counts the mask entries that the latest update changed."""

    name: str
    size: int
    num_nonzero: int
    flips: int

    @property
    def sparsity(self) -> float:
        """Fraction of zeros."""
        return 1 - self.num_nonzero / self.size


@dataclass(frozen=True)
class PruningReport:
    """The prunable tensors and their total after a number of steps; `str()` is a table."""

    step: int
    tensors: tuple[TensorReport, ...]

    @property
    def total(self) -> TensorReport:
        """All tensors together."""
        sums = {key: sum(getattr(t, key) for t in self.tensors) for key in ("size", "num_nonzero", "flips")}
        return TensorReport("total", **sums)

    def __str__(self) -> str:
        """A line for each tensor and one for the total."""
        title = f"after step {self.step}"
        width = max(len(title), *(len(t.name) for t in self.tensors))
        head = f"{title:<{width}} {'weights':>9} {'non-zero':>9} {'sparsity':>9} {'flips':>9}"
        return "\n".join([head, *(_line(t, width) for t in (*self.tensors, self.total))])


def _line(tensor: TensorReport, width: int) -> str:
    size, nonzero = format_count(tensor.size), format_count(tensor.num_nonzero)
    return f"{tensor.name:<{width}} {size:>9} {nonzero:>9} {tensor.sparsity:>9.2%} {format_count(tensor.flips):>9}"
