"""The results as data, for other programs. tests/REPORT.md explains each field.

Later work may add fields. It changes and removes none: programs that nobody here
knows read them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from lab.answers import Answer
from lab.checks import since, usual
from lab.checks.check import DOES_NOT_COMPILE, NO_SOURCE, Check
from lab.course import START, STEPS, Step
from lab.facts import Observation
from lab.judge.verdict import FAILED, PASSED, SKIPPED, Judged, Result
from lab.report.compiler import located
from lab.report.launches import launch_in_words, own_message, seen_in_words
from lab.scene import Manager, Scene, Signals

SCHEMA = 1  # the version of this form: it would be 2 if a field had changed

DONE, WRONG, NOT_BEGUN, MISSING, UNCHECKED, REFUSED = "done", "wrong", "not_begun", "missing", "unchecked", "refused"


@dataclass(frozen=True)
class CheckRun:
    """One call of `make check`: what came of it, and what is to be known of it besides."""

    folder: str  # the name of the folder with the answers
    step: Step | None  # the only one that was asked for, if it was one
    judged: Sequence[Judged]
    not_begun: Sequence[Answer]
    seconds: Mapping[Answer, float]  # from when an answer was asked for until all of it was judged
    sandbox: bool
    notes: Sequence[str]  # what the report says before and after all answers
    summary: str  # its last line
    status: int  # the exit status
    commit: str  # of the lab, "" where it is not known
    version: str = ""  # of the lab
    here: str = ""  # the folder that the user stands in


def as_json(run: CheckRun) -> str:
    """The text of the file."""
    return json.dumps(_clean(record(run)), indent=1) + "\n"


def record(run: CheckRun) -> dict[str, Any]:
    """All that came of a call, as JSON has it."""
    judged = {each.answer.step: each for each in run.judged}
    not_begun = {answer.step: answer for answer in run.not_begun}
    asked = [run.step] if run.step else [step for step in STEPS if step != START or step in judged]
    steps = [
        _step(step, judged.get(step), not_begun.get(step), run.seconds, run.here)
        for step in asked
    ]  # fmt: skip
    return {
        "schema": SCHEMA,
        "lab": run.commit or None,
        "version": run.version,
        "student": run.folder,
        "sandbox": run.sandbox,
        "status": run.status,
        "done": sum(step["state"] == DONE for step in steps if step["step"] != START.name or run.step),
        "assigned": len([step for step in asked if step != START or run.step]),
        "summary": run.summary,
        "notes": list(run.notes),
        "steps": steps,
    }


def _step(
    step: Step, judged: Judged | None, not_begun: Answer | None, seconds: Mapping[Answer, float], here: str
) -> dict[str, Any]:
    return {
        "step": step.name,
        "title": step.title,
        "file": step.file,
        "state": _state(judged) if judged else NOT_BEGUN if not_begun else MISSING,
        "sha256": (judged.digest or None) if judged else None,
        "seconds": round(seconds.get(judged.answer, 0.0), 3) if judged else None,
        "checks": [_check(judged, result, here) for result in judged.results] if judged else [],
    }


def _state(judged: Judged) -> str:
    """What has become of an answer that was judged, in a word."""
    if any(result.verdict == NO_SOURCE for result in judged.results):
        return REFUSED
    if judged.is_wrong:
        return WRONG
    return DONE if judged.is_done else UNCHECKED


def _check(judged: Judged, result: Result, here: str) -> dict[str, Any]:
    check, step = result.check, judged.answer.step
    seen = result.seen if isinstance(result.seen, Observation) else None
    return {
        "key": check.key,
        "says": check.says,
        "from": f"{since(check, step).number:02}",
        "bonus": check.star,
        "status": result.status,
        "verdict": (result.verdict or None) if result.status in (FAILED, SKIPPED) else None,
        "expected": result.expected or None,
        "observed": _observed(judged, result, seen, here),
        "because": result.because or None,
        "note": _messages(judged, result, result.note, here) or None,
        "said": own_message(result) or None,
        "read": [step.handout, *check.read.split(", ")],
        "launch": None if check.looks_at == "build" else _launch(check, usual(step).completed(check.scene)),
        "processes": [
            {"pid": each.pid, "state": each.state, "call": each.call or None, "system": each.system}
            for each in (seen.doing if seen else ())
        ],
    }


def _observed(judged: Judged, result: Result, seen: Observation | None, here: str) -> str | None:
    """What was found instead; of a check that passes what was seen of its launch."""
    if result.status == PASSED and seen:
        return "\n".join(seen_in_words(seen))
    return _messages(judged, result, result.observed, here) or None


def _messages(judged: Judged, result: Result, text: str, here: str) -> str:
    """A text. What the compiler says has the names of files as they are called here."""
    is_compilers = result.check.looks_at == "build" and result.verdict in ("", DOES_NOT_COMPILE)
    return located(text, judged.answer.path, here) if is_compilers else text


def _launch(check: Check, scene: Scene) -> dict[str, Any]:
    """How the program was started, and what was done to it."""
    return {
        "in_words": launch_in_words(scene),
        "way": (check.usual.name or None) if check.usual else None,
        "times": check.times,
        "arguments": list(scene.arguments or ()),
        "stdio": scene.stdio.value,
        "root": scene.root,
        "session_leader": scene.leads,
        "parent": scene.parent.value,
        "more_open": scene.more_open,
        "long_pids": scene.long_pids,
        "signals_held": scene.signals is Signals.HELD,
        "hangup_pending": scene.signals is Signals.PENDING,
        "without": [f"/dev/{device.value}" for device in scene.without],
        "environment": list(scene.environment),
        "files": [str(file[0]) for file in scene.files],
        "notify": None if scene.notify in (None, Manager.NONE) else Manager(scene.notify).value,
        "listen": [kind.value for kind in scene.listen or ()],
        "taken": list(scene.taken),
        "waits_for_exit": bool(scene.tells),
        "fault": scene.fault.word if scene.fault else None,
        "then": [str(deed) for deed in scene.then],
    }


def _clean(value: Any) -> Any:
    """The same, with nothing in it that is no Unicode: names of files may hold any byte."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list) else value
