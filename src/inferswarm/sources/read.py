"""The prompts of a run: read from their source, filtered by length, sampled, and what to say of it."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from inferswarm.config.prompts import PromptOptions
from inferswarm.errors import InputError
from inferswarm.prompts import Prompt, conversation
from inferswarm.prompts.recipe import Recipe
from inferswarm.sources import synthetic
from inferswarm.sources.choice import BATCH_PROMPTS, Choice, Count, Wanted, choose
from inferswarm.sources.opening import opened
from inferswarm.sources.progress import Place, Progress, silent
from inferswarm.sources.prompt_rows import prompts_of
from inferswarm.sources.tally import Tally, shown
from inferswarm.tokenizer import TokenizerProcess


@dataclass(frozen=True, slots=True)
class LoadedPrompts:
    """The prompts that a run asks, and what whoever reads its results must know of them.

    `recipe` makes more of them, where they are synthetic.
    """

    prompts: list[Prompt]
    notes: tuple[str, ...] = ()
    recipe: Recipe | None = None


def load_prompts(options: PromptOptions, progress: Progress = silent) -> LoadedPrompts:
    """Read, filter and sample as `options` say; the same options and content give the same prompts.

    Raises InputError or StoreError naming the source: not there, of another form, or none fits.
    """
    if options.source == synthetic.SOURCE:
        return _made(options, progress)
    tally = Tally(f"prompts {shown(options.source)}".strip())
    wanted = Wanted(options.min_tokens, options.max_tokens, options.max_prompts, options.seed)
    with opened(options.source, tally, progress) as source, counter(options.tokenizer) as count:
        prompts = prompts_of(source.rows, options.column, tally)
        choice = choose(prompts, wanted, count, telling(progress, source.place))
    tally.finish()
    if not choice.prompts:
        raise InputError(_none_fits(tally.name, choice, wanted))
    if why := conversation.why_not(choice.prompts, options.conversations):
        raise InputError(f"{tally.name}: {why}")
    return LoadedPrompts(choice.prompts, tuple(_notes(options, tally, choice, wanted)))


def _made(options: PromptOptions, progress: Progress) -> LoadedPrompts:
    """As many synthetic prompts as a run may use."""
    synthetic.check(options)
    count = options.max_prompts
    with synthetic.tokens_of(options) as tokens:
        maker = synthetic.maker_of(options, tokens)
        prompts = list(maker.prompts(count, lambda made: progress("making prompts", made, count)))
    return LoadedPrompts(prompts, tuple(synthetic.notes_on(maker, options)), maker.recipe)


@contextlib.contextmanager
def counter(tokenizer: str) -> Iterator[Count | None]:
    """What counts tokens, in a process of its own; None without a tokenizer."""
    if not tokenizer:
        yield None
        return
    with TokenizerProcess(tokenizer) as process:
        yield process.count


def telling(progress: Progress, place: Place) -> Callable[[int], None]:
    """What tells `progress` how many prompts were read, or how much of their file."""

    def watch(read: int) -> None:
        what = f"reading prompts: {read:,}"
        progress(what, min(place.done, place.size), place.size)

    return watch


def watched(prompts: Iterable[Prompt], progress: Progress, place: Place) -> Iterator[Prompt]:
    """The same prompts, while `progress` hears of them now and then."""
    watch = telling(progress, place)
    for number, prompt in enumerate(prompts, 1):
        if number % BATCH_PROMPTS == 0:
            watch(number)
        yield prompt


def _none_fits(name: str, choice: Choice, wanted: Wanted) -> str:
    return (
        f"{name}: none of {choice.read:,} prompts fits: {_left_out(choice, wanted)}; "
        "set --max-prompt-tokens or prompts.min_tokens so that some do"
    )


def _left_out(choice: Choice, wanted: Wanted) -> str:
    parts = [
        f"{choice.short:,} shorter than {wanted.min_tokens:,} tokens" if choice.short else "",
        f"{choice.long:,} longer than {wanted.max_tokens:,} tokens" if choice.long else "",
    ]
    return " and ".join(filter(None, parts))


def _notes(options: PromptOptions, tally: Tally, choice: Choice, wanted: Wanted) -> Iterator[str]:
    """How many prompts were read, left out and used, and whether their lengths were checked."""
    left_out, used = _left_out(choice, wanted), len(choice.prompts)
    if options.source or left_out or used < choice.read:
        name = tally.name if options.source else "built-in prompts"
        parts = [f"{choice.read:,} read"]
        if choice.unknown < choice.checked < choice.read:
            parts.append(f"the lengths of {choice.checked:,} checked")
        parts += [f"{left_out} left out"] if left_out else []
        sampled = f", sampled by seed {wanted.seed}" if used < choice.fit else ""
        yield f"{name}: {', '.join(parts)}; {used:,} used{sampled}"
    if note := conversation.note(choice.prompts, options.conversations):
        yield note
    if tally.told:
        yield f"{tally.name}: {tally.told}"
    limits = {"min_tokens", "max_tokens"} & options.model_fields_set
    if choice.unknown and (options.source or limits):
        yield (
            "prompts: no tokenizer is given, so their lengths were not checked (not held against "
            f"{wanted.min_tokens:,} to {wanted.max_tokens:,} tokens); --tokenizer NAME does"
        )
