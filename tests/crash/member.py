"""Who takes part: every member lives through all rounds, and its connections die with the broker."""

import asyncio
import random

# How long any single answer may take.
DEADLINE_SECONDS = 20


class Gone(Exception):
    """The connection has ended, as it does when the broker is killed."""


class Member:
    """What the stage asks of a member, in this order, in each round. Each may end early with `Gone`."""

    # What it connects with.
    client = None
    # How often it takes part in a round; everybody does in the first and in the last one.
    presence = 1.0
    # Whether it goes on in the last round, when there is no new work.
    works_to_the_end = False

    async def inspect(self, values):
        """Looks at what the broker has kept; nobody has connected again but the one who gives the values."""

    async def arrive(self):
        """Connects again."""

    async def verify(self):
        """Checks, now that everybody is there."""

    async def load(self):
        """Does its work until it is cancelled."""

    def is_connected(self):
        return self.client is not None and self.client.is_connected()

    def cut(self):
        """Drops its connection without a word."""
        if self.client is not None:
            self.client.cut()

    def last_round(self):
        """From now on what is open is brought to its end."""

    def owes(self):
        """Whether there is something that has been acknowledged and has not arrived."""
        return False

    def settle(self):
        """What has not arrived by now is lost."""


async def until(condition, deadline=DEADLINE_SECONDS):
    """Whether the condition holds before the deadline."""
    end = asyncio.get_running_loop().time() + deadline
    while not condition():
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(0.005)
    return True


async def together(coroutines):
    """Runs all of them at once; when one fails, none goes on."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def pause(longest):
    """A moment of any length up to that many seconds."""
    await asyncio.sleep(random.uniform(0, longest))
