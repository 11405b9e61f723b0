"""The results, in words: what a learner reads."""

import textwrap

from lab.answers import odd_names
from lab.checks import since
from lab.checks.check import DOES_NOT_COMPILE, NO_SOURCE, WRONG_STATE
from lab.course import START, STEPS
from lab.judge.verdict import FAILED, FOLLOWS, PASSED, SKIPPED
from lab.toolbox import printable

WIDTH = 100  # columns
MARKS = {PASSED: "ok", FAILED: "NO", FOLLOWS: "--", SKIPPED: "??"}
STAR_MARKS = {PASSED: "*+", FAILED: "*-", SKIPPED: "??"}
INDENT = " " * 8
MAX_MESSAGES = 30  # lines of the compiler's that are shown


def explain(step, result):
    """What is to be said of a failed check, as lines: expected, observed, because, read."""
    if result.verdict == DOES_NOT_COMPILE:
        return [*_quote(result.observed), *_entry("because", result.because)]
    if result.verdict == NO_SOURCE:
        return [*_entry("observed", result.observed), *_entry("because", result.because)]
    lines = []
    if result.verdict != WRONG_STATE:
        lines += _entry("verdict", result.verdict)
    lines += _entry("expected", result.expected)
    lines += _entry("observed", result.observed)
    lines += _entry("because", result.because)
    lines += _entry("read", f"{step.handout}, {result.check.read}")
    return lines


def header(why_no_sandbox, unlimited, is_root):
    """What is to be said before the first report of a run, as lines: what does not hold here that the README promises.

    `why_no_sandbox` is "" if there is one. `unlimited` names what an answer as a
    whole may use without a limit.
    """
    lines = []
    if why_no_sandbox:
        lines.append(
            f"No sandbox: {why_no_sandbox}. Answers are not shut off from the rest of this machine. "
            "Run none that you do not trust."
        )
        if not is_root:
            lines.append("An answer's files in /tmp, /var/tmp and /dev/shm stay there. Remove them yourself.")
    if unlimited:
        *most, last = unlimited
        names = f"{', '.join(most)} and {last}" if most else last
        lines.append(
            f"Nothing here limits the {names} that an answer uses as a whole. The README says what a limit needs."
        )
    return lines


def heading(step):
    """A step's name and title."""
    return f"{step.name:<13}  {step.title}"


def describe(judged):
    """An answer's results, a line per check; the first thing that is wrong is explained."""
    step = judged.answer.step
    lines = [heading(step)]
    explained = False
    later = [result for result in judged.results if result.check.star and result.status == FOLLOWS]
    for result in judged.results:
        if result in later:
            continue
        lines.append(_line(step, result))
        lines += [INDENT + line for line in _quote(result.note)]
        if result.status == FAILED and not explained:
            lines += [INDENT + line for line in explain(step, result)]
            explained = True
        if result.status == SKIPPED and result.check.looks_at == "build":
            lines += [INDENT + line for line in _entry("because", result.because)]
    if later:
        count = f"{len(later)} bonus checks" if len(later) > 1 else "1 bonus check"
        lines.append(_row(MARKS[FOLLOWS], count, "once the rest is right"))
    return "\n".join(lines)


def progress(answers, not_begun, alone):
    """The closing line: what is done, and what comes next.

    `answers` are those that were judged (verdict.Judged), `not_begun` those that
    were not looked at (answers.Answer); `alone` says that only one step was
    asked for.
    """
    to_do = [each for each in answers if each.is_wrong]
    count = [each for each in answers if each.answer.step != START]
    if alone:
        step = answers[0].answer.step
        if answers[0].unchecked:
            return f"{step.name} was not checked."
        if answers[0].is_done or to_do:
            return f"{step.name} is {'not done yet' if to_do else 'done'}."
        return f"{step.name}: all that could be checked here is right."
    done = sum(each.is_done for each in count)
    steps = len(count) + len(not_begun)
    line = f"{done} of {steps} step{'' if steps == 1 else 's'} done."
    if to_do:
        return f"{line} Next: {to_do[0].answer.step.name}"
    missing = not_handed_in([each.answer for each in answers] + not_begun)
    if missing:
        those = "step that is in this folder is" if steps == 1 else "steps that are in this folder are"
        return f"{done} of {steps} {those} done. Not handed in: {missing}."
    return f"{line} That is all." if done == steps else line


def not_handed_in(answers):
    """The steps that are missing in a folder with these answers, in words: one, two, and the first to the last of more.

    "" if there are none.
    """
    handed_in = {answer.step for answer in answers}
    ranges = []  # [first, last] of steps in a row
    for step in STEPS[1:]:
        if step in handed_in:
            continue
        if ranges and ranges[-1][1].number == step.number - 1:
            ranges[-1][1] = step
        else:
            ranges.append([step, step])
    return ", ".join(_range(*each) for each in ranges)


def _range(first, last):
    """One step, two steps, or the first and the last of more."""
    if first == last:
        return first.name
    return f"{first.name}{', ' if last.number == first.number + 1 else ' to '}{last.name}"


def overlooked(answers, alone):
    """Lines on files in the folder that may be meant as answers, and have another name; none for a single step."""
    return [] if alone else [_printable(line) for line in odd_names(answers[0].answer.path.parent)]


def unchecked(answers):
    """What could not be checked here, "" if all could.

    A line for each answer of which nothing could be checked, and one for all
    other checks.
    """
    lines, results = [], []
    for each in answers:
        if each.unchecked:
            lines.append(_printable(f"{each.answer.step.name} could not be checked here (??): {each.unchecked}"))
        else:
            results += [result for result in each.required if result.status == SKIPPED]
    if results:
        count = f"{len(results)} checks" if len(results) > 1 else "1 check"
        lines.append(f"{count} could not be checked here (??): {results[0].because}")
    return "\n".join(lines)


def _line(step, result):
    check = result.check
    if result.status == FOLLOWS:
        remark = "follows from the above"
    elif result.status == SKIPPED:
        remark = "cannot be checked here"
    elif check.star:
        remark = "bonus"
    else:
        remark = f"step {since(check, step).number:02}" if since(check, step) != step else ""
    return _row((STAR_MARKS if check.star else MARKS)[result.status], check.says, remark)


def _row(mark, says, remark):
    return f"  {mark}  {says:<68}  {remark}".rstrip()


def _printable(text):
    """As toolbox.printable() has it, but with tabs as spaces: compilers and programs print them for good reasons."""
    return printable(text.expandtabs())


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
