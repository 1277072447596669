"""The command as a whole: every way to fail is one line on standard error and an exit code."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.help import HelpContext
from sheetanchor.cli.settings import BadSetting


class Failure(Exception):
    """The verb cannot do what was asked. The message says what, why and what next."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class HelpWanted(Exception):
    """A group was given no verb; the message is its help, as it is to be printed."""


class Verbs(TyperGroup):
    """A group of verbs, which tells them when it is given none."""

    context_class = HelpContext

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb of that name; its help is written as ours."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            command.context_class = HelpContext
        return command

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The rest of the arguments, without its own options. Raises HelpWanted."""
        if not args and not ctx.resilient_parsing:
            raise HelpWanted(ctx.get_help())
        return super().parse_args(ctx, args)


class DefaultVerb(Verbs):
    """A group that is a verb as well: words that name none of its verbs are for the first."""

    @property
    def default_verb(self) -> str:
        """The verb that need not be typed."""
        return next(iter(self.commands))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments, with the verb that they are for."""
        known = (*self.commands, *ctx.help_option_names)
        if not ctx.resilient_parsing and (not args or args[0] not in known):
            args = [self.default_verb, *args]
        return super().parse_args(ctx, args)


class Group(Verbs):
    """All verbs."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a verb; with `standalone_mode` end the process with its exit code."""
        # gRPC's core writes lines of its own to standard error about what is told in ours
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        try:
            code = super().main(
                args,
                prog_name or "sheetanchor",
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
            sys.stdout.flush()
        except HelpWanted as wanted:
            # what was asked for was not done, and scripts see that
            print(wanted, file=sys.stderr)
            code = ExitCode.USAGE
        except Failure as failure:
            code = _tell(failure.message, failure.code)
        except BadSetting as error:
            code = _tell(str(error), ExitCode.USAGE)
        except typer.TyperException as error:
            code = _tell(_plain(error.format_message()) + _verbs_after(error), error.exit_code)
        except (typer.Abort, KeyboardInterrupt):
            code = ExitCode.INTERRUPTED
        except BrokenPipeError:
            code = _end_quietly()
        except SystemExit as end:
            # typer's own answer to a broken pipe
            if not isinstance(end.__context__, BrokenPipeError):
                raise
            code = _end_quietly()
        if standalone_mode:
            sys.exit(int(code or 0))
        return code


def _end_quietly() -> int:
    """Whoever read our output has seen enough; the interpreter must not try it again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]  # None where there is no console: suppressed above
    return ExitCode.OK


# how the library behind typer says what is wrong with a value, and what we say
_PLAIN = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer, .*", "it is not a whole number"),
    (r"Input should be a valid number, .*", "it is not a number"),
    (r"Input should be greater than or equal to (\S+)", r"it is below \1"),
    (r"Input should be less than or equal to (\S+)", r"it is above \1"),
    (r"Invalid value for '([^']*)': ", r"\1: "),
)


def _plain(message: str) -> str:
    for pattern, words in _PLAIN:
        message = re.sub(pattern, words, message)
    return message


def _verbs_after(error: typer.TyperException) -> str:
    """What could have been typed in place of a verb that is none, or nothing."""
    group = getattr(getattr(error, "ctx", None), "command", None)
    message = error.format_message()
    if not isinstance(group, Verbs) or not message.startswith("No such command"):
        return ""
    return "" if "Did you mean" in message else f" Known here: {', '.join(group.commands)}."


def _tell(message: str, code: int) -> int:
    text = " ".join(message.split()) if code == ExitCode.USAGE else message
    print(f"sheetanchor: {text}", file=sys.stderr)
    return code
