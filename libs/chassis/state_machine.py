"""State machines of the domain: which transitions an object has, and which states they lead from and to.

Each lifecycle is one `StateMachine` called LIFECYCLE in the rules of its noun. `make lifecycles` draws all of them
into `docs/lifecycles.md`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from libs.chassis.problems import Conflict


class IllegalTransition(Conflict):
    slug, title = "illegal-transition", "The current state does not allow this"


class EventTiming(Enum):
    """When an event reaches an object, compared with the state that the event needs."""

    DUE = "due"
    EARLY = "early"  # an event that leads to the needed state is still to come: retry later
    STALE = "stale"  # the object has passed that state: ignore the event


@dataclass(frozen=True)
class StateMachine:
    """The transitions of one kind of object, each as {state before: state after}.

    `reverting` transitions lead back to an earlier state; they do not count as still to come.
    """

    name: str
    initial: str
    transitions: Mapping[str, Mapping[str, str]]
    reverting: frozenset[str] = frozenset()

    @classmethod
    def from_states(cls, name: str, initial: str, successors: Mapping[str, Collection[str]]) -> StateMachine:
        """A machine whose transitions are named after the state that they lead to."""
        targets = dict.fromkeys(target for following in successors.values() for target in sorted(following))
        transitions = {
            target: {state: target for state, following in successors.items() if target in following}
            for target in targets
        }
        return cls(name, initial, transitions)

    def allows(self, state: str, transition: str) -> bool:
        return state in self.transitions[transition]

    def apply(self, state: str, transition: str) -> str:
        """The state after a transition; IllegalTransition when `state` does not allow it."""
        if not self.allows(state, transition):
            words = transition.replace("_", " ")
            raise IllegalTransition(f"the {self.name} is {state.replace('_', ' ')}, which does not allow: {words}")
        return str(self.transitions[transition][state])

    def classify(self, state: str, transition: str) -> EventTiming:
        """Whether an event that causes a transition is due; events of different domains overtake each other."""
        if self.allows(state, transition):
            return EventTiming.DUE
        is_to_come = any(self.allows(later, transition) for later in self._reachable_from(state))
        return EventTiming.EARLY if is_to_come else EventTiming.STALE

    def sources(self, transition: str) -> list[str]:
        """The states that allow a transition."""
        return [str(state) for state in self.transitions[transition]]

    @property
    def steps(self) -> set[tuple[str, str]]:
        """All pairs of a state and one that may follow it."""
        return {(str(a), str(b)) for step in self.transitions.values() for a, b in step.items()}

    @property
    def states(self) -> set[str]:
        return {self.initial} | {state for step in self.steps for state in step}

    @property
    def final_states(self) -> set[str]:
        """The states that no transition leaves."""
        return self.states - {before for before, _ in self.steps}

    def _reachable_from(self, state: str) -> set[str]:
        reached, fresh = set[str](), {state}
        while fresh:
            reached |= fresh
            fresh = {following for one in fresh for following in self._successors(one)} - reached
        return reached

    def _successors(self, state: str) -> Iterator[str]:
        for name, step in self.transitions.items():
            if name not in self.reverting and state in step:
                yield step[state]

    def to_mermaid(self) -> str:
        """The machine as a Mermaid state diagram (https://mermaid.js.org/syntax/stateDiagram.html)."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for name, step in self.transitions.items():
            for before, after in step.items():
                label = "" if name == after else f" : {name.replace('_', ' ')}"
                lines.append(f"    {before} --> {after}{label}")
        lines += [f"    {state} --> [*]" for state in sorted(self.final_states)]
        return "\n".join(lines)
