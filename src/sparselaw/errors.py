"""What goes wrong in a user's hands, told in one sentence."""


def arg(name: str) -> str:
    return name


class UserError(ValueError):
    """A mistake in what the user gave: one sentence that says what is wrong and what to do."""


class SparselawWarning(UserWarning):
    """Something the user should know before trusting an answer."""


def first_line(error: BaseException) -> str:
    """What another library says of an error, fit for the brackets of one sentence."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200].rstrip(".")
