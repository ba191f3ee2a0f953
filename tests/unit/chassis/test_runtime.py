"""What a process shares is built once, and a new runtime builds all of it again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from libs.chassis.runtime import new_runtime, per_process


@per_process
def box(name: str = "default") -> list[str]:
    return [name]


def test_the_same_arguments_give_the_same_object() -> None:
    with new_runtime():
        assert box("a") is box("a")
        assert box("a") is not box("b")
        assert box() is box()


def test_a_new_runtime_builds_again_and_the_old_one_is_restored() -> None:
    with new_runtime():
        outer = box()
        with new_runtime():
            assert box() is not outer
        assert box() is outer


def test_use_replaces_an_object() -> None:
    own = ["own"]
    with new_runtime():
        box.use(own, "a")
        assert box("a") is own
        assert box("b") == ["b"]


def test_concurrent_threads_get_one_object() -> None:
    barrier = Barrier(8)

    def ask(_: int) -> list[str]:
        barrier.wait()
        return box("shared")

    with new_runtime(), ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(ask, range(8))
    assert all(other is first for other in others)
