"""The exceptions that end a command, each with the exit code the shell sees.

    InferswarmError            5  something of ours broke
    |-- InputError             2  an option, a file or a prompt is wrong
    |-- TargetError            4  the server cannot be reached or will not talk
    |-- StorageError           5  results cannot be written or read
    `-- LoadProcessError       5  a master or worker process failed

A failed *request* is never an exception: it is `Record.outcome`.
Exit code 0 is success, 1 a missed goal, 3 a run found invalid under `--require-valid`,
130 an interrupted run. Where several hold, the run itself goes before its goals: 130, 5, 4, 3, then 1.
"""

EXIT_OK = 0
EXIT_GOAL_MISSED = 1
EXIT_INPUT = 2
EXIT_RUN_INVALID = 3
EXIT_TARGET = 4
EXIT_INTERNAL = 5
EXIT_INTERRUPTED = 130


class InferswarmError(Exception):
    """Ends the command with one line; the message names the thing, the value and the remedy."""

    exit_code = EXIT_INTERNAL


class InputError(InferswarmError):
    """What the user gave cannot be used: option, configuration file, prompts, folder."""

    exit_code = EXIT_INPUT


class TargetError(InferswarmError):
    """The inference server cannot be reached, or refuses before any load is sent."""

    exit_code = EXIT_TARGET


class StorageError(InferswarmError):
    """Results cannot be written to or read from their folder."""


class LoadProcessError(InferswarmError):
    """A master or worker process ended or stayed silent when it should not have."""
