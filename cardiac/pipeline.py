"""Work that is begun before its results are asked for, in threads, in order; what is done is handed in."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from cardiac.isolation import stop_reading


@contextmanager
def workers(*n_threads: int) -> Iterator[list[Executor]]:
    """Executors of so many threads each; where the work is stopped, what has not begun is left, and reading ends."""
    with ExitStack() as stack:
        executors = [stack.enter_context(ThreadPoolExecutor(n)) for n in n_threads]
        try:
            yield executors
        except BaseException:
            for each in executors:
                each.shutdown(wait=False, cancel_futures=True)
            stop_reading()
            raise


def ahead(
    executor: Executor,
    function: Callable[[Any], Any],
    items: Iterable[Any],
    depth: int,
    weigh: Callable[[Any], int] = lambda _: 0,
    most: int = 0,
) -> Iterator[Any]:
    """What the function gives of each item, in order, begun before it is asked for.

    That is for up to `depth` items, which together weigh at most `most`; and for one, whatever it weighs.
    """
    begun: deque[tuple[int, Future]] = deque()
    try:
        for item in items:
            weight = weigh(item)
            while begun and (len(begun) >= depth or weight + sum(each for each, _ in begun) > most):
                yield begun.popleft()[1].result()
            begun.append((weight, executor.submit(function, item)))
        while begun:
            yield begun.popleft()[1].result()
    finally:
        for _, each in begun:
            each.cancel()
