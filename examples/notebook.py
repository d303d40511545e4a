# %% [markdown]
# # From runs to a plan
#
# A notebook kept as a script: open it in Jupyter (with jupytext), VS Code or PyCharm, or run it with
# `python examples/notebook.py`. It takes some seconds, needs neither PyTorch nor the network, and writes contours.png.

# %%
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from sparselaw.cost import Cost
from sparselaw.design import Target, design
from sparselaw.fit import bootstrap, fit, open_fit
from sparselaw.plan import plan
from sparselaw.plan.contours import contours
from sparselaw.report.design_text import design_text
from sparselaw.report.figures import contour_figure, save
from sparselaw.report.fit_text import fit_text
from sparselaw.report.notebook import runs_table
from sparselaw.report.plan_text import answer_text
from sparselaw.report.text import show as show_table
from sparselaw.runs import Runs, read_runs


def show(value, table):
    """Shows a value in a notebook as it shows itself there, and in a terminal as a table."""
    if "ipykernel" in sys.modules:
        from IPython.display import display

        display(value)
    else:
        show_table(table(value))


# %% [markdown]
# ## Ask a published law
#
# How sparse should a vision transformer of 42.5M non-zeros be, with five times its Chinchilla-optimal compute?

# %%
published = open_fit("vit-jft")
answer = plan(published, nonzeros=42.5e6, times_chinchilla=5)
show(answer, answer_text)

# %% [markdown]
# The answer goes with what a zero costs. If it costs nothing, more sparsity pays:

# %%
for cost in (Cost(), Cost(sparse=True)):
    best = plan(published, nonzeros=42.5e6, times_chinchilla=5, cost=cost).optimal_sparsity
    low, high = best.bounds
    print(f"{cost.name} cost: {best.value:.1%}, 95% interval {low:.1%} to {high:.1%}")

# %% [markdown]
# ## Fit runs
#
# The published sweep of T5 on C4, if `SPARSELAW_DATASETS` names the folder that has it; else a sweep that follows a known
# law, with noise of 0.5%.

# %%


def made_up_runs(seed: int = 0) -> Runs:
    """48 runs of the law `t5-c4-refit` on the paper's grid, with noise."""
    grid = np.meshgrid([0, 0.5, 0.75, 0.875], [1.3e6, 5e6, 20e6, 85e6], [16e9, 33e9, 66e9], indexing="ij")
    S, N, D = (axis.ravel() for axis in grid)
    loss = open_fit("t5-c4-refit").predict(S, N, D) * np.exp(
        0.005 * np.random.default_rng(seed).standard_normal(S.size)
    )
    frame = pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": loss})
    return Runs.from_frame(frame, name="made up", data_unit="tokens")


runs = read_runs("t5-c4") if os.environ.get("SPARSELAW_DATASETS") else made_up_runs()
show(runs, runs_table)

# %%
fitted = bootstrap(fit(runs), runs, num_draws=300)
show(fitted, fit_text)

# %% [markdown]
# Read the warnings: three budgets of data do not separate the exponent of D from the irreducible loss. The intervals know it.

# %%
show(plan(fitted, nonzeros=85e6, flops=1e20), answer_text)

# %% [markdown]
# ## Draw the map

# %%
save(contour_figure(contours(fitted), fitted), Path("contours.png"))

# %% [markdown]
# ![Optimal sparsity over non-zeros and FLOPs](contours.png)

# %% [markdown]
# ## Ask what to train next
#
# The runs that narrow the interval of that answer most, for 1e20 FLOPs in all:

# %%
following = design(fitted, budget=1e20, target=Target(85e6, 1e20), max_runs=12)
show(following, design_text)
