"""The command `sparselaw export`: a sparse model to a smaller file, or back."""

import json as json_module
from pathlib import Path

from sparselaw.errors import UserError
from sparselaw.prune.export import export_sparse
from sparselaw.prune.export import restore as restore_dense
from sparselaw.report.export_text import export_record, export_text
from sparselaw.report.text import show


def export(
    model: str | Path,
    *,
    output: Path | None = None,
    format: str = "auto",
    precision: str | None = None,
    restore: bool = False,
    json: bool = False,
) -> None:
    """Writes an export, or with `restore` the dense model of one, and prints what was written.

    Args:
        model: what `export_sparse` reads; with `restore` what it wrote.
        output: file (with `restore` also folder) to write; by default in the current folder, named after the model.
        format: as of `export_sparse`; precision likewise.
        restore: go the other way.
        json: print a record as JSON.

    Raises:
        UserError: one sentence about what cannot be done.
    """
    name = Path(model).resolve().name.removesuffix(".safetensors")
    if restore:
        if format != "auto" or precision:
            raise UserError("--restore gives back what was exported; leave out --format and --precision")
        written = restore_dense(model, output or f"{name.removesuffix('.sparse')}-restored")
        files = [str(path) for path in written]
        print(json_module.dumps({"files": files}) if json else f"wrote {' and '.join(files)}")
        return
    made = export_sparse(model, output or f"{name}.sparse.safetensors", format=format, precision=precision)
    if json:
        print(json_module.dumps(export_record(made), indent=1))
    else:
        show(export_text(made))
