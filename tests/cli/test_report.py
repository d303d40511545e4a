"""The command `report`: what it prints."""

from pathlib import Path


def test_a_person_is_told_the_answer_and_the_place(call, tmp_path: Path) -> None:
    code, out, err = call("report", "t5-c4-refit", "-o", tmp_path / "report.html", "--plotlyjs", "cdn")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("t5-c4-refit: Train it ")
    assert lines[0].endswith("% sparse")
    assert lines[1].startswith("checklist: ")
    assert lines[2].startswith(f"wrote {tmp_path / 'report.html'} (0.")


def test_the_record(answer, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    record = answer("report", "t5-c4-refit", "-o", file, "--plotlyjs", "cdn", "--nonzeros", "85M", "--flops", "1e21")
    assert record["bytes"] == file.stat().st_size
    assert (record["answer"]["nonzero_params"], record["answer"]["flops"]) == (85e6, 1e21)
    assert {"output", "fit", "law", "no_answer", "checklist", "notes"} <= set(record)
