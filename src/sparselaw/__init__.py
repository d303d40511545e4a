"""Whether a transformer should be sparse, and how sparse: train, fit, plan."""

__version__ = "0.1.0"
