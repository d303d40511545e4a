"""The command `export`: a sparse model to a smaller file, or back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional

from sparselaw.cli.options import Json, option, print_json, required, torch_for
from sparselaw.errors import UserError, arg

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class Command:
    """Write a sparse model to a smaller file without loss, or restore one from such a file."""

    model: Annotated[
        Positional[str],
        required(
            "run, checkpoint or other folder with model.safetensors, or a safetensors file; with --restore an export",
            metavar="MODEL",
        ),
    ]
    format: Annotated[
        str,
        option(
            "format of the tensors, such as bitmask: auto (the smallest for each), dense, bitmask, delta, csr or n:m",
            metavar="FORMAT",
        ),
    ] = "auto"
    precision: Annotated[
        Precision | None,
        option(
            "precision to convert weights to first, such as bf16",
            metavar="|".join(Precision.__args__),
            default="unchanged",
        ),
    ] = None
    restore: Annotated[bool, option("write the dense model of an export", default="export")] = False
    output: Annotated[
        Path | None,
        option(
            "file to write, such as small.safetensors; with --restore a file or folder",
            metavar="FILE",
            default="named after MODEL",
            short="-o",
        ),
    ] = None
    json: Json = False

    def run(self) -> None:
        """Exports or restores, and prints what was written."""
        with torch_for("Exporting"):
            from sparselaw.prune.export import export_sparse, restore
        name = Path(self.model).resolve().name.removesuffix(".safetensors")
        if self.restore:
            if self.format != "auto" or self.precision:
                raise UserError(
                    f"{arg('restore')} writes what was exported, unchanged; leave out {arg('format')} and {arg('precision')}."
                )
            written = restore(self.model, self.output or f"{name.removesuffix('.sparse')}-restored")
            files = [str(path) for path in written]
            print_json({"files": files}) if self.json else print(f"wrote {' and '.join(files)}")
            return
        from sparselaw.report.export_text import export_record, export_text
        from sparselaw.report.text import show

        made = export_sparse(
            self.model, self.output or f"{name}.sparse.safetensors", format=self.format, precision=self.precision
        )
        print_json(export_record(made)) if self.json else show(export_text(made))
