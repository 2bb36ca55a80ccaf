"""What is submitted while a batch is under way is written as the next one, in one statement for all of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

from bot.errors import StoreUnavailable
from bot.store.postgres_pool import PATIENCE

Item = TypeVar("Item")
Result = TypeVar("Result")

GROUP = 128
"""How many items at most are written at once; bounds the wait of the first of them."""


class By(Enum):
    """How an item is written."""

    ITSELF = "itself"


BY_ITSELF: Literal[By.ITSELF] = By.ITSELF
"""A batch's answer for an item that it left as it was: written by itself, that says what is wrong with it."""


_Waiting = tuple[Hashable, Item, "asyncio.Future[Result]", float]


class Gathering(Generic[Item, Result]):
    """Hands items over in batches, one at a time. Of one place only one is under way, in the order of submission.

    `many` writes a batch and answers for each item in order, with `BY_ITSELF` where it left it alone. It raises
    `StoreUnavailable`, which all callers are told; raises it anything else, nothing of the batch stands, and each item
    goes to `alone`. `many` must not wait for what other transactions hold; `alone` may.
    """

    def __init__(
        self,
        many: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Literal[By.ITSELF]]]],
        alone: Callable[[Item], Awaitable[Result]],
    ) -> None:
        self._many = many
        self._alone = alone
        self._free = True
        self._ready: deque[_Waiting[Item, Result]] = deque()
        # A place that is being written, and what waits for it.
        self._places: dict[Hashable, deque[_Waiting[Item, Result]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._called = False
        self._closed = False

    def submit(self, place: Hashable, item: Item) -> asyncio.Future[Result]:
        """Have it written. A caller that gives up takes back what has not been begun, and hurts nobody else."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        if self._closed:
            future.set_exception(StoreUnavailable("The store is closed."))
            return future
        one = (place, item, future, loop.time() + PATIENCE)
        if place in self._places:
            self._places[place].append(one)
            return future
        self._places[place] = deque()
        self._ready.append(one)
        self._call(loop)
        return future

    async def close(self) -> None:
        """Finish what has been submitted."""
        self._closed = True
        while self._tasks or self._called:
            await (asyncio.wait(self._tasks) if self._tasks else asyncio.sleep(0))

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        # Not at once: what else is submitted in this pass of the event loop joins the batch.
        if self._free and self._ready and not self._called:
            self._called = True
            loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._called = False
        now = asyncio.get_running_loop().time()
        while self._free and self._ready:
            batch: list[_Waiting[Item, Result]] = []
            while self._ready and len(batch) < GROUP:
                one = self._ready.popleft()
                if one[2].done():
                    self._next(one[0])
                elif one[3] < now:
                    self._fail(one, StoreUnavailable("The database is too slow."))
                else:
                    batch.append(one)
            if batch:
                self._free = False
                self._start(self._batch(batch))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _batch(self, batch: list[_Waiting[Item, Result]]) -> None:
        answers: Sequence[Any]
        try:
            answers = await self._many([one[1] for one in batch])
        except StoreUnavailable as error:
            for one in batch:
                self._fail(one, error)
            return
        except asyncio.CancelledError as error:
            for one in batch:
                self._fail(one, error)
            raise
        except Exception:  # The batch's boundary: one item is the reason, and will be told by itself.
            answers = [BY_ITSELF] * len(batch)
        finally:
            self._free = True
            self._call(asyncio.get_running_loop())
        for one, answer in zip(batch, answers, strict=True):
            if answer is BY_ITSELF:
                # A task of its own: who has to wait for a row keeps neither its neighbours nor the next batch waiting.
                self._start(self._by_itself(one))
            else:
                self._settle(one, answer)

    async def _by_itself(self, one: _Waiting[Item, Result]) -> None:
        try:
            self._settle(one, await self._alone(one[1]))
        except BaseException as error:  # The item's boundary, cancelled as well: its failure is its caller's.
            self._fail(one, error)
            if not isinstance(error, Exception):
                raise

    def _settle(self, one: _Waiting[Item, Result], answer: Result) -> None:
        if not one[2].done():
            one[2].set_result(answer)
        self._next(one[0])

    def _fail(self, one: _Waiting[Item, Result], error: BaseException) -> None:
        if not one[2].done():
            if isinstance(error, Exception):
                one[2].set_exception(_own(error))
            else:
                one[2].cancel()
        self._next(one[0])

    def _next(self, place: Hashable) -> None:
        waiting = self._places[place]
        if waiting:
            self._ready.append(waiting.popleft())
            self._call(asyncio.get_running_loop())
        else:
            del self._places[place]


def _own(error: Exception) -> Exception:
    # Raised in many tasks, one object would collect all their tracebacks.
    if not isinstance(error, StoreUnavailable):
        return error
    own = StoreUnavailable(error.detail)
    own.__cause__ = error.__cause__
    return own
