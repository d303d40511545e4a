"""Published laws, shipped as fit files, so that you can plan without runs of your own.

`t5-c4-published` and `vit-jft` carry the coefficients of Frantar et al. 2023 (arXiv 2309.08520), `t5-c4-refit` those that
minimise the paper's own T5 objective. The bootstrap draws in `vit-jft` and `t5-c4-refit` are ours.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from sparselaw.errors import UserError, choice
from sparselaw.fit.result import Fit, load_fit

PUBLISHED_FITS = ("t5-c4-published", "t5-c4-refit", "vit-jft")


def open_fit(source: Fit | str | Path) -> Fit:
    """A published law by its name, or a fit file by its path; a fit is returned as it is.

    Raises:
        UserError: no such law or file, or the file is not a fit.
    """
    if isinstance(source, Fit):
        return source
    if str(source) in PUBLISHED_FITS:
        with resources.as_file(resources.files("sparselaw.fit") / "published_fits" / f"{source}.json") as path:
            return load_fit(path)
    if not os.path.exists(source):  # unlike Path.exists, False for a name too long to be one
        raise UserError(f"{source} is neither a fit file nor a published law; {choice(str(source), PUBLISHED_FITS)}")
    return load_fit(source)
