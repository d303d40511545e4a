# %% [markdown]
# # From runs to a plan
#
# This notebook is kept as a script. Open it in Jupyter (with jupytext), VS Code or PyCharm, or run it with
# `python examples/notebook.py`. It takes a few seconds, needs neither PyTorch nor a network, and writes contours.png.

# %%
import os
import sys

import numpy as np
import pandas as pd

import sparselaw


def show(result):
    """Show a result as tables in a notebook, and as text in a terminal."""
    if "ipykernel" in sys.modules:
        from IPython.display import display

        display(result)
    else:
        print(result.summary())


# %% [markdown]
# ## Ask a published law
#
# How sparse should a vision transformer with 42.5M non-zero weights be, at five times its Chinchilla-optimal compute?

# %%
show(sparselaw.plan("vit-jft", nonzeros=42.5e6, times_chinchilla=5))

# %% [markdown]
# The answer depends on what zeros cost. If kernels skip them for free, more sparsity pays:

# %%
for cost in ("dense", "sparse"):
    best = sparselaw.plan("vit-jft", nonzeros=42.5e6, times_chinchilla=5, cost=cost).optimal_sparsity
    low, high = best.bounds
    print(f"{cost} cost: {best.value:.1%}, 95% interval {low:.1%} to {high:.1%}")

# %% [markdown]
# ## Fit runs
#
# These are the published runs of T5 on C4 if `SPARSELAW_DATASETS` names the folder that has them. Otherwise they are
# made up from a known law, with noise of 0.5%.

# %%


def made_up_runs(seed=0):
    """48 runs of the law `t5-c4-refit` on the paper's grid, with noise."""
    grid = np.meshgrid([0, 0.5, 0.75, 0.875], [1.3e6, 5e6, 20e6, 85e6], [16e9, 33e9, 66e9], indexing="ij")
    S, N, D = (axis.ravel() for axis in grid)
    noise = 0.005 * np.random.default_rng(seed).standard_normal(S.size)
    loss = sparselaw.open_fit("t5-c4-refit").predict(S, N, D) * np.exp(noise)
    table = pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": loss})
    return sparselaw.Runs.from_frame(table, name="made up", data_unit="tokens")


runs = sparselaw.read_runs("t5-c4") if os.environ.get("SPARSELAW_DATASETS") else made_up_runs()
show(runs)

# %%
fitted = sparselaw.fit(runs, bootstrap=300)
show(fitted)

# %% [markdown]
# Read the warnings: three values of D do not separate the exponent of D from the irreducible loss. So the intervals of
# the next answer are wide.

# %%
show(sparselaw.plan(fitted, nonzeros=85e6, flops=1e20))

# %% [markdown]
# ## Draw the map

# %%
sparselaw.contours(fitted).plot().savefig("contours.png", bbox_inches="tight")

# %% [markdown]
# ![Optimal sparsity over non-zero weights and FLOPs](contours.png)

# %% [markdown]
# ## Choose the runs to train next
#
# These runs narrow the interval of that answer most, for 1e20 FLOPs in all:

# %%
show(sparselaw.design(fitted, budget=1e20, target=(85e6, 1e20), max_runs=12))
