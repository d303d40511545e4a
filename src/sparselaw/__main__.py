"""`python -m sparselaw` and `torchrun -m sparselaw train` are the command `sparselaw`."""

from sparselaw.cli import main

if __name__ == "__main__":
    main()
