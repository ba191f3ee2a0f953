"""A state machine as a table: each move's name, and which states it leads from and to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from libs.chassis.problems import Conflict

Fact = Literal["applies", "too early", "too late"]


class IllegalMove(Conflict):
    slug, title = "illegal-move", "The order cannot do that in its present state"


@dataclass(frozen=True)
class StateMachine:
    """Moves of one kind of order. `undoing` moves lead back and do not count when the order of facts is told."""

    moves: Mapping[str, Mapping[str, str]]
    undoing: frozenset[str] = frozenset()

    def after(self, state: str, move: str) -> str:
        """The state that a person's move leads to; IllegalMove."""
        try:
            return self.moves[move][state]
        except KeyError:
            raise IllegalMove(f"an order that is {state.replace('_', ' ')} cannot {_words(move)}") from None

    def judge(self, state: str, move: str) -> Fact:
        """Whether something that has happened elsewhere moves an order now, later, or not any more.

        Messages overtake each other: what comes before its time is tried again, what comes after it is old news.
        """
        if state in self.moves[move]:
            return "applies"
        return "too early" if self._still_to_come(state) & self.moves[move].keys() else "too late"

    def _still_to_come(self, state: str) -> set[str]:
        found, fresh = set[str](), {state}
        while fresh:
            found |= fresh
            steps = (
                step[one]
                for name, step in self.moves.items()
                if name not in self.undoing
                for one in fresh
                if one in step
            )
            fresh = set(steps) - found
        return found


def _words(move: str) -> str:
    words = {
        "submit": "submitted",
        "cancel": "cancelled",
        "begin_return": "returned",
        "expire": "expired",
        "give_up": "given up",
    }
    return "be " + words.get(move, move.replace("_", " "))
