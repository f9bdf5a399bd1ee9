"""The load of the crash test: clients of MQTT and STOMP, and what they were promised.

    load.py SEED WEBSOCKET_PORT MQTT_PORT STOMP_PORT

Commands come by standard input, a word a line; each is answered by a line of JSON:

    up      the broker answers: connect, verify, and put it under load     -> {"is": "loaded"}
    down    the broker has been killed                                     -> {"is": "down"}
    cut     drop every connection, without a word                          -> {"is": "down"}
    finish  the broker answers, and will go on: take all that is owed      -> {"is": "report", ...}

`up` may be followed by `down` before its answer; then the answer does not come. Anything else that goes wrong is
{"is": "broken", "why": ...}, the end. It ends when its standard input does, so it cannot outlive the test.
"""

import asyncio
import json
import logging
import os
import random
import sys
import threading
import traceback

import queues
import retained
import sessions
import topics
import transactions
from account import Account
from ledger import Ledger
from member import Gone, together, until

# Dead connections must have been noticed by then.
DOWN_SECONDS = 10
# In the last round: how long nothing new may arrive while something is owed, before that is lost.
PATIENCE_SECONDS = 5
# And how long, when nothing is owed, something may still come that should not.
QUIET_SECONDS = 1


class Stage:
    """Everybody who takes part, and the round that they play."""

    def __init__(self, ports):
        self.ports = ports
        self.account = Account()
        self.ledger = Ledger(self.account)
        self.values = retained.Values(self)
        self.members = [self.values]
        for module in [topics, retained, sessions, queues, transactions]:
            self.members.extend(module.make_members(self))
        self.round = None

    async def up(self):
        is_first = self.account.kills == 0
        present = [member for member in self.members if is_first or random.random() < member.presence]
        self.round = asyncio.create_task(self._play(present))

    async def down(self):
        self.account.has_been_killed()
        await self._end_round()
        await self._await_ends()
        say({"is": "down"})

    async def cut(self):
        self.account.has_been_killed()
        await self._end_round()
        for member in self.members:
            member.cut()
        await self._await_ends()
        say({"is": "down"})

    async def finish(self):
        await self._enter(self.members)
        for member in self.members:
            member.last_round()
        workers = [member for member in self.members if member.works_to_the_end]
        await self._work_until(self._take_what_is_owed(), workers)
        for member in self.members:
            member.settle()
        say({"is": "report", **self.account.report()})

    async def _play(self, present):
        try:
            await self._enter(present)
            say({"is": "loaded"})
            await self._work(present)
        except Gone:
            # So it is after a kill, which is told of at once.
            why = traceback.format_exc()
            await asyncio.sleep(DOWN_SECONDS)
            break_off(f"a connection ended without a kill\n{why}")
        except Exception:
            break_off(traceback.format_exc())

    async def _enter(self, present):
        await self.values.connect()
        await together(member.inspect(self.values) for member in self.members)
        self.values.leave()
        await together(member.arrive() for member in random.sample(present, len(present)))
        await together(member.verify() for member in present)

    async def _work(self, present):
        await together(member.load() for member in present)

    async def _work_until(self, done, present):
        work = asyncio.create_task(self._work(present))
        done = asyncio.create_task(done)
        await asyncio.wait([work, done], return_when=asyncio.FIRST_COMPLETED)
        assert not work.done(), f"nobody may leave in the last round: {work.exception()!r}"
        work.cancel()
        await asyncio.wait([work])

    async def _take_what_is_owed(self):
        now = asyncio.get_running_loop().time
        progress, since = None, now()
        while now() - since < PATIENCE_SECONDS:
            asked = now()
            if not any(member.owes() for member in self.members):
                break
            # After many rounds the answer takes long, and nothing arrives meanwhile.
            await asyncio.sleep(0.1 + 5 * (now() - asked))
            if progress != self.account.progress():
                progress, since = self.account.progress(), now()
        await asyncio.sleep(QUIET_SECONDS)

    async def _end_round(self):
        # A connection that ends at the same time can be what the cancelled task hears of instead.
        while not self.round.done():
            self.round.cancel()
            await asyncio.wait([self.round], timeout=0.1)

    async def _await_ends(self):
        """From here on, whatever ends is unexpected again."""
        alive = lambda: [type(member).__name__ for member in self.members if member.is_connected()]
        assert await until(lambda: not alive(), DOWN_SECONDS), f"still connected: {alive()}"
        self.account.ends.clear()


async def main(seed, *ports):
    random.seed(int(seed))
    commands = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(judge)
    threading.Thread(target=read_commands, args=(loop, commands), daemon=True).start()
    stage = Stage(dict(zip(["websocket", "mqtt", "stomp"], map(int, ports), strict=True)))
    while True:
        await getattr(stage, await commands.get())()


def read_commands(loop, commands):
    for line in sys.stdin:
        loop.call_soon_threadsafe(commands.put_nowait, line.strip())
    os._exit(0)  # without waiting for the libraries' threads


def judge(_loop, context):
    """What a callback raises would go unnoticed otherwise."""
    error = context.get("exception")
    if not isinstance(error, Gone):
        break_off("".join(traceback.format_exception(error)) if error else context["message"])


def break_off(why):
    say({"is": "broken", "why": why})
    os._exit(1)


def say(words):
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    logging.disable()  # the libraries complain of each connection that ends
    try:
        asyncio.run(main(*sys.argv[1:]))
    except Exception:
        break_off(traceback.format_exc())
