"""The error of every command-line tool, and the command group that prints it."""

from __future__ import annotations

import sys
from typing import Any

import click


class ToolError(Exception):
    """A tool cannot do its work; the message states the problem and the fix for the person who started it."""

    exit_code = 1


class CommandGroup(click.Group):
    """A group of commands that prints a ToolError as one message and ends with its exit code."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        context = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
        super().__init__(*arguments, context_settings=context, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ToolError as error:
            click.echo(f"{click.style('Error:', fg='red')} {error}", err=True)
            sys.exit(error.exit_code)
