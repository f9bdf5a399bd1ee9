"""mosquitto's clients as processes, with a deadline for everything that is waited for."""

import queue
import subprocess
import threading

DEADLINE = 20
PORT = []  # set once, by the script that uses this


def command(program, version, *arguments):
    return [program, "-h", "127.0.0.1", "-p", str(PORT[0]), "-V", version, *map(str, arguments)]


def run(program, version, *arguments, given=None, status=0):
    """Runs to the end, and returns the lines of the output."""
    done = subprocess.run(
        command(program, version, *arguments), input=given, capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode == status, f"{program} ended with {done.returncode}: {done.stderr}{done.stdout}"
    return done.stdout.splitlines()


def pub(version, topic, *arguments, given=None):
    run("mosquitto_pub", version, "-t", topic, *arguments, given=given)


def sub(version, topic, *arguments, status=0):
    return run("mosquitto_sub", version, "-t", topic, *arguments, status=status)


class Running:
    """A client that runs on. Its debug output tells of each packet; messages are the lines that begin with `> `."""

    def __init__(self, program, version, *arguments, shape="%p"):
        # Into a pipe it would write only when 4 KiB have gathered, but for stdbuf.
        line = ["stdbuf", "-oL", *command(program, version, "-d", "-F", f"> {shape}", *arguments)]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines, self.heard = queue.Queue(), []
        threading.Thread(target=lambda: [self.lines.put(line) for line in self.process.stdout], daemon=True).start()

    def line(self, wanted):
        """The next line that has these words."""
        while True:
            try:
                line = self.lines.get(timeout=DEADLINE).rstrip("\n")
            except queue.Empty:
                raise AssertionError(f"{wanted!r} did not come after {self.heard}") from None
            self.heard.append(line)
            if wanted in line:
                return line

    def message(self):
        return self.line("> ")[2:]

    def messages(self, count):
        return [self.message() for _ in range(count)]

    def status(self):
        return self.process.wait(DEADLINE)

    def lose(self):
        """Without a word."""
        self.process.kill()
        self.process.wait()


def listen(version, topic, *arguments, shape="%p"):
    """A mosquitto_sub that has subscribed."""
    running = Running("mosquitto_sub", version, "-t", topic, *arguments, shape=shape)
    running.line("Subscribed")
    return running


def await_seconds(topic, seconds):
    """Until a will with that delay is published: the broker's own clock."""
    watcher = listen("5", f"{topic}/clock")
    will = ["--will-topic", f"{topic}/clock", "--will-payload", "now", "-x", 60]
    lost = listen("5", f"{topic}/none", *will, "-D", "will", "will-delay-interval", seconds)
    lost.lose()
    watcher.message()
    watcher.lose()
