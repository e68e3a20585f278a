"""Real shells, asked for completions: each answers which words it would put at the end of a command line.

Bash and zsh run on a terminal of their own and are told by a key to insert every completion; the command itself is
then a function that writes down its arguments, so what is seen has gone through the shell's own quoting and reading.
Fish answers `complete -C` and gives descriptions too.
"""
import fcntl
import os
import pty
import shutil
import struct
import subprocess
import tempfile
import termios
import threading
import time
import pathlib

KEY = "\x14"  # Control-T
ANSWER_SECONDS = 60


class _Terminal:
    """An interactive shell; `answers(line)` types the line, the key and return."""

    def __init__(self, command, environment, folder):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="mote-shell-"))
        self.answer = self.scratch / "answer"
        self.seen = b""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 500, 1000, 0, 0))  # nothing wraps or scrolls
        environment = {**environment, "TERM": "dumb", "ANSWER": str(self.answer), "HOME": str(self.scratch), "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder,
                                        start_new_session=True)
        os.close(slave)
        self.master = master
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self):
        try:
            while data := os.read(self.master, 65536):
                self.seen += data
        except OSError:
            pass  # the shell has gone

    def type(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self.master, data):]

    def wait(self):
        end = time.monotonic() + ANSWER_SECONDS
        while not self.answer.exists():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"the shell does not answer; it showed {self.seen[-3000:]!r}")
            time.sleep(0.01)
        content = self.answer.read_bytes()
        self.answer.unlink()
        return [word.decode() for word in content.split(b"\0")[:-1]]

    def answers(self, line):
        self.type(line + KEY + "\n")
        return self.wait()

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        shutil.rmtree(self.scratch, ignore_errors=True)


# The answer appears under its name when it is complete.
_RECORD = 'mote() { printf "%s\\0" "$@" > "$ANSWER.part"; mv "$ANSWER.part" "$ANSWER"; }\n'


def _clean_environment():
    return {k: v for k, v in os.environ.items() if k in ("PATH", "LANG")}


class Bash:
    """`setup` is what a user's .bashrc would have."""

    def __init__(self, setup, folder, environment=None):
        self.terminal = _Terminal(["bash", "--norc", "--noprofile", "-i"], {**_clean_environment(), **(environment or {})}, folder)
        self.terminal.type("bind 'set bell-style none'; bind 'set enable-bracketed-paste off'\n")
        self.terminal.type("bind '\"\\C-t\": insert-completions'\n" + _RECORD + setup + "\nmote ready\n")
        assert self.terminal.wait() == ["ready"]

    def complete(self, line):
        """The words that replace the last one of `line`, which is empty after a space; none where it stays as it is."""
        *before, last = line.split(" ")[1:]
        words = self.terminal.answers(line)
        assert words[:len(before)] == before, (line, words)
        return [] if words[len(before):] == [last] else words[len(before):]

    def close(self):
        self.terminal.close()


class Zsh(Bash):
    def __init__(self, functions, folder, setup=""):
        self.terminal = _Terminal(["zsh", "-f", "-i"], _clean_environment(), folder)
        self.terminal.type("LISTMAX=10000; unsetopt zle_bracketed_paste prompt_sp beep; setopt interactive_comments\n"
                           f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D\n"
                           "zle -C all-matches complete-word _generic; bindkey '^T' all-matches\n"
                           "zstyle ':completion:all-matches::::' completer _all_matches _complete\n"
                           "zstyle ':completion:all-matches:*' insert true\n"
                           f"{_RECORD}{setup}\nmote ready\n")
        assert self.terminal.wait() == ["ready"]


    def listing(self, line):
        """What is shown below the line when completions with descriptions are listed."""
        terminal = self.terminal
        terminal.seen = b""
        terminal.type(line + "\x04")
        end = time.monotonic() + ANSWER_SECONDS
        again = time.monotonic() + 3
        before = -1
        # The list has begun, and nothing more comes. A line feed alone may still be the command before this one.
        while b" -- " not in terminal.seen or len(terminal.seen) != before:
            assert time.monotonic() < end, f"nothing is listed: {terminal.seen[-3000:]!r}"
            if b" -- " not in terminal.seen and time.monotonic() > again:
                terminal.type("\x04")  # the line editor was not there yet, and the terminal took the key as end of file
                again = time.monotonic() + 3
            before = len(terminal.seen)
            time.sleep(0.4)
        shown = terminal.seen.decode().replace("\r", "")
        terminal.type("\x15mote ready\n")
        answer = terminal.wait()
        assert answer == ["ready"], (line, answer, shown)
        return shown


class Fish:
    """`setup` is what config.fish would have; completions of data folders are found by fish itself."""

    def __init__(self, setup, folder, data_folder=None):
        self.setup, self.folder = setup, folder
        self.home = tempfile.mkdtemp(prefix="mote-shell-")
        self.environment = {**_clean_environment(), "HOME": self.home, "LC_ALL": "C.UTF-8"}
        if data_folder:
            self.environment["XDG_DATA_DIRS"] = f"{data_folder}:/usr/share"

    def described(self, line):
        """[(word, description)], both as a person would see them."""
        done = subprocess.run(["fish", "-c", self.setup + "\ncomplete -C $argv[1]", line], env=self.environment, cwd=self.folder,
                              capture_output=True, text=True, timeout=ANSWER_SECONDS)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return [(word, text) for word, _, text in (row.partition("\t") for row in done.stdout.splitlines())]

    def complete(self, line):
        return [word for word, _ in self.described(line)]

    def close(self):
        shutil.rmtree(self.home, ignore_errors=True)
