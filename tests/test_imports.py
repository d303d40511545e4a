"""What is not needed is not imported: planning works, fast, without PyTorch, pandas and plotting."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "pandas", "matplotlib", "plotly", "transformers")
NEEDS_SCIPY = ("design",)
RUN = """
sys.argv = ["sparselaw", *{arguments}]
from sparselaw.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code
"""
CASES = {
    "package": "import sparselaw\n",
    "help": RUN.format(arguments=["--help"]),
    "plan with inference": RUN.format(
        arguments=["plan", "vit-jft", "--loss", "5.5", "--inference", "1e12", "--cost", "epyc-csr"]
    ),
    "plan": RUN.format(arguments=["plan", "vit-jft", "--nonzeros", "42.5M", "--flops", "2e20"]),
    "memory": RUN.format(arguments=["plan", "vit-jft", "--memory", "85MB", "--flops", "2e18"]),
    "design": RUN.format(arguments=["design", "vit-jft", "--budget", "1e18", "--max-runs", "4"]),
}


@pytest.mark.parametrize("case", CASES)
def test_heavy_packages_stay_out(case: str) -> None:
    heavy = HEAVY if case in NEEDS_SCIPY else (*HEAVY, "scipy")
    code = CASES[case] + f"print('HEAVY', [m for m in {heavy} if m in sys.modules])\n"
    done = subprocess.run([sys.executable, "-c", "import sys\n" + code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"
