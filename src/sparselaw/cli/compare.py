"""The command `compare`: laws side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from tyro.conf import OmitArgPrefixes, Positional

from sparselaw.cli.fit import Delta, Loss, Table, fit_record
from sparselaw.cli.options import Json, Reading, print_json


@dataclass(frozen=True)
class Command:
    """Compare laws on the same runs: objective, AIC and BIC, error on runs left out."""

    runs: Positional[Table]
    loss: Loss = None
    delta: Delta = None
    reading: OmitArgPrefixes[Reading] = field(default_factory=Reading)
    json: Json = False

    def run(self) -> None:
        """Compares, prints."""
        from sparselaw.fit import compare

        found = compare(self.reading.read(self.runs), loss=self.loss, delta=self.delta)
        if not self.json:
            from sparselaw.report.fit_text import compare_text
            from sparselaw.report.text import show

            show(compare_text(found))
            return
        print_json(
            [
                fit_record(c.fit)
                | {"aic": c.aic, "bic": c.bic, "extrapolation_error": c.extrapolation_error}
                | {"spread": c.spread and asdict(c.spread)}
                | {"hold_outs": [asdict(h) for h in c.hold_outs]}
                for c in found
            ]
            + [{"law": law, "refused": reason} for law, reason in found.refused.items()]
        )
