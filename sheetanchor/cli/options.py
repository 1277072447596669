"""Gives a verb the options that the settings table has for it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

from sheetanchor.cli.setting import Setting
from sheetanchor.cli.settings import resolve, settings_of


def takes_settings(verb: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a typer command of a function whose first argument is its settings' values.

    Its further arguments stay as they are. Raises BadSetting when called with bad values.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        _, *own = inspect.signature(function, eval_str=True).parameters.values()
        names = [setting.name for setting in settings_of(verb)]

        def command(**given: Any) -> None:
            options = {name: given.pop(name) for name in names}
            function(resolve(verb, options, os.environ), **given)

        parameters = [*own, *(_parameter(setting) for setting in settings_of(verb))]
        command.__name__ = function.__name__
        command.__doc__ = function.__doc__
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect.signature
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        return command

    return decorate


def _parameter(setting: Setting) -> inspect.Parameter:
    default = f"[default: {setting.shown_default}]  [env: {setting.environment_variable}]"
    option = typer.Option(
        setting.option,
        metavar=None if setting.is_flag else setting.unit,
        help=f"{setting.sentence}  {default}".replace("`", ""),
        show_default=False,
    )
    kind: Any = str | None
    if setting.is_flag:
        kind = bool | None
    elif setting.separator:
        kind = list[str] | None
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, option],
    )
