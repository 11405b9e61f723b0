"""What a learner reads: what passes in a line for each step, and what is wrong at the end, explained.

    NN_setsid: a session of its own
      ok   step MM   5 checks: the program compiles; ...
      NO   step NN   1 of 2 checks fails; 1 more depends on it

      NO   the daemon leads its own session (SID = PGID = PID)

           expected   ...

A step stands for the checks that it has added. Where a program is launched in two
ways, as that of the last step, each way has a line instead.
"""

from __future__ import annotations

import re
import textwrap
from typing import Iterable, Sequence

from lab.answers import Answer, odd_names
from lab.checks import since, usual
from lab.checks.check import DOES_NOT_COMPILE, NO_SOURCE, WRONG_STATE
from lab.course import START, STEPS, Step
from lab.facts import Observation
from lab.judge.verdict import FAILED, FOLLOWS, PASSED, SKIPPED, Judged, Result
from lab.report.compiler import missing_headers, quoted_messages
from lab.report.launches import doing_in_words, launch_in_words, says_the_reason, seen_in_words
from lab.report.terminal import MARGIN, Page
from lab.scene import Scene
from lab.toolbox import printable

OK, NO, LATER, UNKNOWN = "ok", "NO", "--", "??"  # the marks; a bonus has +N or -N
INDENT = " " * MARGIN
DEEPER = INDENT + "  "
NAMED = 11  # columns of the name of an entry, such as "expected"


# ---- the fold --------------------------------------------------------------------


def describe(judged: Judged, page: Page = Page()) -> str:
    """All that is said of one answer: the fold, or each check, and what is wrong below it."""
    return "\n".join([*summary(judged, page), *explanation(judged, page)])


def summary(judged: Judged, page: Page = Page()) -> list[str]:
    """An answer's results as lines, but for the explanation of the first that is wrong."""
    return listing(judged, page) if page.is_verbose else fold(judged, page)


def fold(judged: Judged, page: Page = Page()) -> list[str]:
    """An answer's results as lines: its step, then one line for all checks of a step that came out the same way."""
    step = judged.answer.step
    lines = heading(step, page)
    if judged.unchecked:
        lines += _line(page, UNKNOWN, f"{' and '.join(_counts(judged.results))} cannot be made here:")
        return lines + _indented(_entry("because", judged.unchecked, page))
    groups = _groups(step, judged.required)
    width = max(map(len, ["bonus", *groups]))
    for label, group in groups.items():
        lines += _folded(judged.answer, label.ljust(width), group, page)
    waiting = {label: n for label, group in groups.items() if (n := _waiting(group))}
    if waiting:
        label = next(iter(waiting)) if len(waiting) == 1 else "the rest"
        lines += _line(page, LATER, f"{label.ljust(width)}   {_depend(sum(waiting.values()))} on what fails")
    lines += _folded_bonus(judged, width, page)
    lines += _unseen(judged.results, page)
    return lines


def heading(step: Step, page: Page = Page()) -> list[str]:
    """A step's name and title, as lines."""
    first, *rest = _wrapped(f"{step.name}: {step.title}", page.width)
    return [first.replace(step.name, page.name(step.name), 1), *rest]


def _groups(step: Step, results: Iterable[Result]) -> dict[str, list[Result]]:
    """The results by what their line is called, in the order of the steps; the two ways of launching come last."""
    groups: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda result: since(result.check, step).number):
        way = result.check.usual
        label = way.name if way and way.name else f"step {since(result.check, step).number:02}"
        groups.setdefault(label, []).append(result)
    return groups


def _waiting(group: Sequence[Result]) -> int:
    """How many checks of a line of the fold depend on what fails in other lines."""
    if any(result.status == FAILED for result in group):
        return 0
    return sum(result.status == FOLLOWS for result in group)


def _folded(answer: Answer, label: str, group: Sequence[Result], page: Page) -> list[str]:
    """What passes in a group, or that something in it fails. What passes with a remark has it below."""
    passed = [result for result in group if result.status == PASSED]
    failed = [result for result in group if result.status == FAILED]
    lines = []
    if failed:
        lines += _line(page, NO, f"{label}   {_what_fails(group, failed, page.room - len(label) - 3)}")
    elif passed:
        lines += _line(page, OK, f"{label}   {_sentences(passed, page.room - len(label) - 3)}")
    for result in passed:
        lines += _remark(answer, result, page)
    return lines


def _what_fails(group: Sequence[Result], failed: Sequence[Result], room: int) -> str:
    """The sentence of the only check, in `room` columns, or such as "1 of 2 checks fails; 1 more depends on it"."""
    if len(group) == 1:
        return f"fails: {_sentences(group, room - len('fails: '))}"
    text = f"{len(failed)} of {len(group)} checks fail{'s' if len(failed) == 1 else ''}"
    follow = sum(result.status == FOLLOWS for result in group)
    if not follow:
        return text
    return f"{text}; {follow} more {'depends' if follow == 1 else 'depend'} on {'it' if len(failed) == 1 else 'them'}"


def _folded_bonus(judged: Judged, width: int, page: Page) -> list[str]:
    """The lines on bonus checks: those that were earned, those that were missed, those that come later."""
    lines = []
    label = "bonus".ljust(width)
    for status, sign, missed in ((PASSED, "+", ""), (FAILED, "-", "missed: ")):
        found = [result for result in judged.bonus if result.status == status]
        if found:
            room = page.room - width - 3 - len(missed)
            lines += _line(page, f"{sign}{len(found)}", f"{label}   {missed}{_sentences(found, room)}")
        for result in found:
            lines += _remark(judged.answer, result, page)
    later = sum(result.status == FOLLOWS for result in judged.bonus)
    if later:
        lines += _line(page, LATER, f"{label}   {_count(later, 'check')}, once the rest is right")
    return lines


def _unseen(results: Sequence[Result], page: Page) -> list[str]:
    """Which checks could not be made on this machine. Why not stands at the end of all reports: see unchecked()."""
    unseen = [result for result in results if result.status == SKIPPED]
    if not unseen:
        return []
    lines = _line(page, UNKNOWN, f"{' and '.join(_counts(unseen))} cannot be made here:")
    for result in unseen:
        if not result.check.star:
            lines += _indented(_wrapped(result.check.says, page.room - 2), DEEPER)
    if all(result.check.star for result in unseen):
        lines[-1] = lines[-1].rstrip(":")
    return lines


def _counts(results: Sequence[Result]) -> list[str]:
    """How many checks and bonus checks these are, in words; nothing of what there is none of."""
    star = sum(result.check.star for result in results)
    rest = len(results) - star
    return [_count(n, what) for n, what in ((rest, "check"), (star, "bonus check")) if n]


def _sentences(results: Sequence[Result], room: int) -> str:
    """The sentence of the only check, or how many there are and as many sentences as `room` columns hold."""
    says = [_printable(result.check.says) for result in results]
    if len(says) == 1:
        return textwrap.shorten(says[0], room, placeholder=" ...")
    text = _count(len(says), "check")
    for number, sentence in enumerate(says):
        longer = f"{text}{'; ' if number else ': '}{sentence}"
        is_last = number == len(says) - 1
        if len(longer) + (0 if is_last else len("; ...")) > room:
            return f"{text}; ..." if number else text
        text = longer
    return text


# ---- every check -----------------------------------------------------------------


def listing(judged: Judged, page: Page = Page()) -> list[str]:
    """A line for each check, with what was observed: of a launch above all checks that look at it."""
    step = judged.answer.step
    lines = heading(step, page)
    scenes: dict[Scene | None, list[Result]] = {}
    for result in judged.results:
        scenes.setdefault(None if result.check.looks_at == "build" else result.check.scene, []).append(result)
    for scene, results in scenes.items():
        lines.append("")
        if scene is not None:
            lines += _launch(step, scene, results, page)
        for result in results:
            lines += _row(judged.answer, result, page)
            if result.status == FAILED and result is not judged.first_failed:
                lines += ["", *explain(judged.answer, result, page), ""]
    return lines


def _launch(step: Step, scene: Scene, results: Sequence[Result], page: Page) -> list[str]:
    """How the program was started for these checks, and what was seen then."""
    lines = _wrapped(launch_in_words(usual(step).completed(scene)), page.room)
    seen = next((result.seen for result in results if result.seen), None)
    if isinstance(seen, Observation):
        lines += _entry("observed", "\n".join(seen_in_words(seen)), page)
    return _indented(lines)


def _row(answer: Answer, result: Result, page: Page) -> list[str]:
    check = result.check
    marks = {PASSED: "+1", FAILED: "-1"} if check.star else {PASSED: OK, FAILED: NO}
    mark = marks.get(result.status, LATER if result.status == FOLLOWS else UNKNOWN)
    label = "bonus" if check.star else f"step {since(check, answer.step).number:02}"
    remark = ""
    if result.status == FOLLOWS:
        remark = "; once the rest is right" if check.star else "; depends on what fails"
    elif result.status == SKIPPED:
        remark = f"; cannot be made here: {result.because}"
    lines = _line(page, mark, f"{label:<7}   {check.says}{remark}")
    return lines + _remark(answer, result, page)


# ---- what is wrong ---------------------------------------------------------------


def explanation(judged: Judged, page: Page = Page(), is_named: bool = False) -> list[str]:
    """The first thing that is wrong, with what to do about it, as lines; none where nothing is.

    With `is_named` the step's name stands there, too.
    """
    result = judged.first_failed
    if result is None:
        return []
    step = judged.answer.step
    mark = "-1" if result.check.star else NO
    says = f"{step.name}: {result.check.says}" if is_named else result.check.says
    return ["", *_line(page, mark, says), "", *explain(judged.answer, result, page)]


def explain(answer: Answer, result: Result, page: Page = Page()) -> list[str]:
    """What is to be said of a failed check, as lines: what was expected and seen, the cause, and where to read on."""
    lines = []
    if result.verdict == DOES_NOT_COMPILE:
        lines += _compilers(answer, result.observed, page)
    else:
        entries = {"verdict": result.verdict, "expected": result.expected, "observed": result.observed}
        if result.verdict == WRONG_STATE:
            del entries["verdict"]
        elif result.verdict == NO_SOURCE:
            entries = {"observed": result.observed}
        if doing := doing_in_words(result):
            entries["doing"] = doing
        lines += _indented(line for name, words in entries.items() for line in _entry(name, words, page))
    paragraphs = [_sentence(result.because)]
    if reason := says_the_reason(result):
        paragraphs.append(reason)
    paragraphs.append(f"Read {_in_a_row([answer.step.handout, *result.check.read.split(', ')])}.")
    for paragraph in paragraphs:
        lines += ["", *_indented(_wrapped(paragraph, page.room))]
    return lines


def _sentence(text: str) -> str:
    """A cause as a sentence of its own: it begins with a capital, unless with something from C, and has an end."""
    if re.match(r"[a-z]+('s)?[ ,]", text):
        text = text[0].upper() + text[1:]
    return f"{text}." if re.search(r"[\w)\"']$", text) else text


def _in_a_row(words: Sequence[str]) -> str:
    """Such as "a, b and c"."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


# ---- before and after all reports ------------------------------------------------


def header(why_no_sandbox: str, unlimited: Sequence[str], is_root: bool) -> list[str]:
    """What is to be said before the first report of a run, as lines: what does not hold here that the README promises.

    `why_no_sandbox` is "" if there is one. `unlimited` names what an answer as a
    whole may use without a limit.
    """
    lines = []
    if why_no_sandbox:
        lines.append(
            f"No sandbox: {why_no_sandbox}. Programs are not shut off from the rest of this machine. "
            "Start none that you do not trust."
        )
        if not is_root:
            lines.append("Files that a program makes in /tmp, /var/tmp and /dev/shm stay there. Remove them yourself.")
    if unlimited:
        lines.append(
            f"Nothing here limits the {_in_a_row(unlimited)} that a program uses as a whole. "
            "The README says what a limit needs."
        )
    return lines


def progress(answers: Sequence[Judged], not_begun: Sequence[Answer], alone: bool) -> str:
    """The closing line: what is done, and what comes next.

    `answers` are those that were judged, `not_begun` those that were not looked
    at; `alone` says that only one step was asked for.
    """
    if alone:
        return _progress_of_one(answers[0])
    to_do = [each for each in answers if each.is_wrong]
    count = [each for each in answers if each.answer.step != START]
    done = sum(each.is_done for each in count)
    steps = len(count) + len(not_begun)
    line = f"{done} of {_count(steps, 'step')} done."
    if to_do:
        return f"{line} Next: {to_do[0].answer.step.name}"
    missing = not_handed_in([each.answer for each in answers] + list(not_begun))
    if missing:
        those = "step that is in this folder is" if steps == 1 else "steps that are in this folder are"
        return f"{done} of {steps} {those} done. Not handed in: {missing}."
    return f"{line} That is all." if done == steps else line


def _progress_of_one(judged: Judged) -> str:
    step = judged.answer.step
    if judged.unchecked:
        return f"{step.name} was not checked."
    if judged.is_done:
        following = STEPS[STEPS.index(step) + 1 :]
        return f"{step.name} is done." + (f" Next: {following[0].handout}" if following else "")
    passed = sum(result.status == PASSED for result in judged.required)
    checks = f"{passed} of {_count(len(judged.required), 'check')} {'passes' if passed == 1 else 'pass'}"
    if judged.is_wrong:
        return f"{step.name} is not done yet: {checks}."
    unseen = sum(result.status == SKIPPED for result in judged.required)
    return f"{step.name}: {checks}, {unseen} could not be made here."


def not_begun(answers: Sequence[Answer]) -> list[str]:
    """A line on the answers that were not looked at, because nothing was done for them; none if there are none."""
    return [f"{ranges([answer.step for answer in answers])}: not begun"] if answers else []


def not_handed_in(answers: Sequence[Answer]) -> str:
    """The steps that are missing in a folder with these answers, in words; "" if there are none."""
    handed_in = {answer.step for answer in answers}
    return ranges([step for step in STEPS[1:] if step not in handed_in])


def ranges(steps: Sequence[Step]) -> str:
    """Steps in words: one, two, and the first to the last of more that come one after another."""
    found: list[list[Step]] = []  # the first and the last of some in a row
    for step in steps:
        if found and STEPS.index(found[-1][1]) == STEPS.index(step) - 1:
            found[-1][1] = step
        else:
            found.append([step, step])
    return ", ".join(_range(first, last) for first, last in found)


def _range(first: Step, last: Step) -> str:
    """One step, two steps, or the first and the last of more."""
    if first == last:
        return first.name
    are_two = STEPS.index(last) == STEPS.index(first) + 1
    return f"{first.name}{', ' if are_two else ' to '}{last.name}"


def overlooked(answers: Sequence[Judged], alone: bool) -> list[str]:
    """Lines on files in the folder that may be meant as answers, and have another name; none for a single step."""
    return [] if alone else [_printable(line) for line in odd_names(answers[0].answer.path.parent)]


def unchecked(answers: Sequence[Judged]) -> list[str]:
    """What could not be checked here, and why, as lines; none if all could.

    There is a line for each answer of which nothing could be checked, and for
    each reason why other checks could not be made.
    """
    lines: list[str] = []
    reasons: dict[str, int] = {}
    for each in answers:
        if each.unchecked:
            lines.append(_printable(f"{each.answer.step.name} could not be checked here (??): {each.unchecked}"))
            continue
        for result in each.required:
            if result.status == SKIPPED:
                reasons[result.because] = reasons.get(result.because, 0) + 1
    for because, count in reasons.items():
        lines.append(_printable(f"{_count(count, 'check')} could not be checked here (??): {because}"))
    return lines


# ---- lines -----------------------------------------------------------------------


def _count(number: int, what: str) -> str:
    """Such as "1 check" and "2 checks"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _depend(number: int) -> str:
    return f"{_count(number, 'check')} {'depends' if number == 1 else 'depend'}"


def _line(page: Page, mark: str, text: str) -> list[str]:
    """A line that begins with a mark; more of them where the page is too narrow for it."""
    first, *rest = _wrapped(text, page.room)
    return [f"  {page.mark(mark)}{' ' * (MARGIN - 2 - len(mark))}{first}", *_indented(rest)]


def _printable(text: str) -> str:
    """As toolbox.printable() has it, but with tabs as spaces: compilers and programs print them for good reasons."""
    return printable(text.expandtabs())


def _wrapped(text: str, width: int) -> list[str]:
    """A text as lines of at most so many columns; its own ends of lines stay."""
    lines: list[str] = []
    for each in text.splitlines() or [""]:
        lines += textwrap.wrap(_printable(each), width, break_on_hyphens=False) or [""]
    return lines


def _indented(lines: Iterable[str], indent: str = INDENT) -> list[str]:
    return [indent + line if line else "" for line in lines]


def _entry(name: str, text: str, page: Page) -> list[str]:
    """A text with a name in front of it."""
    first, *rest = _wrapped(text, page.room - NAMED)
    return [f"{name:<{NAMED}}{first}".rstrip(), *_indented(rest, " " * NAMED)]


def _remark(answer: Answer, result: Result, page: Page) -> list[str]:
    """What is to be said of a check that passes: what the compiler printed, or a sentence of the lab's."""
    if result.check.looks_at == "build":
        return _compilers(answer, result.note, page)
    return _indented("| " + line for line in _wrapped(result.note, page.room - 2)) if result.note else []


def _compilers(answer: Answer, messages: str, page: Page) -> list[str]:
    """What the compiler printed, as lines: those that begin with a place begin at the margin, for an editor."""
    lines = quoted_messages(messages, answer.path, page.here)
    lines = [INDENT + line if line.startswith("|") else line for line in lines]
    missing = missing_headers(messages)
    return [*lines, "", *_indented(_wrapped("\n".join(missing), page.room))] if missing else lines
