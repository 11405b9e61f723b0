"""The results, in words: what a learner reads."""

import textwrap

from lab.expect.model import DOES_NOT_COMPILE, WRONG_STATE
from lab.judge import FAILED, FOLLOWS, PASSED, SKIPPED

WIDTH = 100  # columns
MARKS = {PASSED: "ok", FAILED: "NO", FOLLOWS: "--", SKIPPED: "??"}
STAR_MARKS = {PASSED: "*+", FAILED: "*-", SKIPPED: "??"}
INDENT = " " * 8
MAX_MESSAGES = 30  # lines of the compiler's that are shown


def explain(step, result):
    """What is to be said of a failed check, as lines: expected, observed, because, read."""
    if result.verdict == DOES_NOT_COMPILE:
        return [*_quote(result.observed), *_entry("because", result.because)]
    lines = []
    if result.verdict != WRONG_STATE:
        lines += _entry("verdict", result.verdict)
    lines += _entry("expected", result.expected)
    lines += _entry("observed", result.observed)
    lines += _entry("because", result.because)
    lines += _entry("read", f"{step.handout}, {result.check.read}")
    return lines


def heading(step):
    """A step's name and title."""
    return f"{step.name:<13}  {step.title}"


def describe(examination):
    """A step's results, a line per check; the first thing that is wrong is explained."""
    step = examination.answer.step
    lines = [heading(step)]
    explained = False
    later = [result for result in examination.results() if result.check.star and result.status == FOLLOWS]
    for result in examination.results():
        if result in later:
            continue
        lines.append(_line(step, result))
        if result.status == PASSED:
            lines += [INDENT + line for line in _quote(_note(examination, result.check))]
        if result.status == FAILED and not explained:
            lines += [INDENT + line for line in explain(step, result)]
            explained = True
    if later:
        count = f"{len(later)} bonus checks" if len(later) > 1 else "1 bonus check"
        lines.append(_row(MARKS[FOLLOWS], count, "once the rest is right"))
    return "\n".join(lines)


def _note(examination, check):
    """What is to be said although a check holds."""
    if check.key == "compiles":
        return examination.build.messages
    if check.key == "comes_to_rest":
        return examination.observation(check.scene).rest.note
    return ""


def is_done(examination):
    """Whether all that is needed to pass holds."""
    return all(r.status == PASSED for r in examination.results() if not r.check.star)


def is_wrong(examination):
    """Whether something that is needed to pass does not hold."""
    return any(r.failed for r in examination.results() if not r.check.star)


def progress(examinations, not_begun, alone):
    """The closing line: what is done, and what comes next.

    `not_begun` are answers that were not looked at, `alone` says that only one
    step was asked for.
    """
    to_do = [e for e in examinations if is_wrong(e)]
    count = [e for e in examinations if e.answer.step.number > 0]
    if alone:
        step = examinations[0].answer.step
        if is_done(examinations[0]) or to_do:
            return f"{step.name} is {'not done yet' if to_do else 'done'}."
        return f"{step.name}: all that could be checked here is right."
    done = sum(is_done(e) for e in count)
    steps = len(count) + len(not_begun)
    line = f"{done} of {steps} step{'' if steps == 1 else 's'} done."
    if to_do:
        return f"{line} Next: {to_do[0].answer.step.name}"
    return f"{line} That is all." if done == steps else line


def unchecked(examinations):
    """One line on what could not be checked here, "" if all could."""
    results = [(e, r) for e in examinations for r in e.results() if r.status == SKIPPED and not r.check.star]
    if not results:
        return ""
    count = f"{len(results)} checks" if len(results) > 1 else "1 check"
    return f"{count} could not be checked here (??): {results[0][1].because}"


def _line(step, result):
    check = result.check
    if result.status == FOLLOWS:
        remark = "follows from the above"
    elif result.status == SKIPPED:
        remark = "cannot be checked here"
    elif check.star:
        remark = "bonus"
    else:
        remark = f"step {check.since.number:02}" if check.since != step else ""
    return _row((STAR_MARKS if check.star else MARKS)[result.status], check.says, remark)


def _row(mark, says, remark):
    return f"  {mark}  {says:<68}  {remark}".rstrip()


def _printable(text):
    """With what could move the cursor or look like more than text spelt out."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text.replace("\t", " " * 8))


def _entry(name, text):
    lines = []
    for paragraph in text.splitlines() or [""]:
        paragraph = _printable(paragraph)
        lines += textwrap.wrap(paragraph, WIDTH - 19, break_on_hyphens=False) or [""]
    first, *rest = lines
    return [f"{name:<9}  {first}", *(" " * 11 + line for line in rest)]


def _quote(messages):
    lines = messages.splitlines()
    if len(lines) > MAX_MESSAGES:
        lines = [*lines[:MAX_MESSAGES], f"... and {len(lines) - MAX_MESSAGES} more lines"]
    return ["| " + _printable(line[: WIDTH * 4]) for line in lines]
