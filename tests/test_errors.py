"""One sentence, spelled for Python and for the command line."""

import pickle

import pytest

from sparselaw.errors import UserError, arg, choice, either, first_line, require_at_least, spelled


def test_an_argument_is_spelled_twice() -> None:
    error = UserError(
        f"Give {arg('times_chinchilla')} or {arg('bootstrap', 1000)}; {either('fit(runs)', 'sparselaw fit')}."
    )
    assert str(error) == "Give times_chinchilla or bootstrap=1000; fit(runs)."
    assert error.on_command_line() == "Give --times-chinchilla or --bootstrap 1000; sparselaw fit."


def test_an_error_inside_another_keeps_no_marks() -> None:
    inner = UserError(f"{arg('loss')} is 1.")
    assert str(UserError(f"It fails ({inner}).")) == "It fails (loss is 1.)."
    assert spelled("nothing to spell") == "nothing to spell"


def test_it_travels_between_processes() -> None:
    sent = pickle.loads(pickle.dumps(UserError(f"{arg('loss')} is 1.")))
    assert (str(sent), sent.on_command_line()) == ("loss is 1.", "--loss is 1.")


@pytest.mark.parametrize(
    ("given", "end"),
    [("spars", "did you mean 'sparse'?"), ("free", "give one of dense, sparse."), ("", "give one of dense, sparse.")],
)
def test_the_nearest_choice_is_named(given: str, end: str) -> None:
    assert choice(given, ("dense", "sparse")) == end


def test_the_first_of_several_numbers_that_is_too_small_is_named() -> None:
    require_at_least(1, starts=1, rounds=7)
    with pytest.raises(UserError, match=r"^rounds is 0; give at least 1\.$"):
        require_at_least(1, starts=1, rounds=0)


@pytest.mark.parametrize(
    ("error", "line"),
    [(OSError("one.\ntwo"), "one"), (KeyError(), "KeyError"), (ValueError("x" * 300), "x" * 200)],
    ids=["two lines", "none", "long"],
)
def test_another_librarys_error_is_one_line(error: Exception, line: str) -> None:
    assert first_line(error) == line
