"""JSON and JSON Lines as text."""

import time

import pytest

from sparselaw.errors import UserError
from sparselaw.runs.formats.jsons import is_json, read_json


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"n": 1, "a": "007"}\n\n{"n": 2, "a": "b"}\n', "r"),
        ('{"n": 1, "a": "007"}\n{"n": 2, "a": "b"}', "r.jsonl"),
        ('[{"n": 1, "a": "007"},\n {"n": 2, "a": "b"}]', "r.json"),
    ],
)
def test_lines_and_records(text: str, name: str) -> None:
    table = read_json(text, name, "r")
    assert table.frame.to_dict("list") == {"n": [1, 2], "a": ["007", "b"]}


def test_lines_have_their_numbers() -> None:
    assert list(read_json('{"n": 1}\n\n{"n": 2}', "r", "r").rows) == [1, 3]


@pytest.mark.parametrize("number", ["0.1", "5e-324", "1.7976931348623157e+308", "9007199254740991", "-0.0"])
def test_numbers_are_exact(number: str) -> None:
    (found,) = read_json(f'[{{"x": {number}}}]', "r", "r").frame["x"].tolist()
    assert repr(found) == number


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        ('{"a": 1, "a": 2}', "r.json", r"^r is not JSON \('a' is given twice\); give records or columns\.$"),
        ('[{"a": {"b": 1, "b": 2}}]', "r.json", r"^r is not JSON \('b' is given twice\)"),
        (
            '{"a": 1}\n{"a": 1, "a": 2}',
            "r",
            r"^r, line 2 is not JSON \('a' is given twice\); write one record a line\.$",
        ),
        ('{"a": 1}\n{"a": ', "r.jsonl", r"^r, line 2 is not JSON \(Expecting value"),
        ('{"a": 1}\n3', "r.jsonl", r"^r, row 2 is not a record; write every run as \{column: value, \.\.\.\}\.$"),
        ("{'a': 1}", "r.json", r"^r is not JSON \(Expecting property name"),
        (
            "{'loss': 3.5, 'step': 1}",
            "r.json",
            r"^r is a text log; write its numbers to a CSV with one row per run\.$",
        ),
    ],
)
def test_what_is_not_json(text: str, name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_json(text, name, "r")


def test_a_key_given_twice_is_found_among_many() -> None:
    text = "{" + ",".join(f'"{k}": 1' for k in range(100_000)) + ', "99999": 1}'
    start = time.process_time()
    with pytest.raises(UserError, match="'99999' is given twice"):
        read_json(text, "r", "r")
    assert time.process_time() - start < 10  # hours if it were quadratic


def test_json_is_told_by_its_beginning_or_its_name() -> None:
    assert [is_json(text, name) for text, name in ((" [", "r"), ("{", "r"), ("3", "r.JSON"), ("a", "r.csv"))] == [
        True, True, True, False,
    ]  # fmt: skip
