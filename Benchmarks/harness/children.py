"""Processes we start: none outlives the run, and each can be measured from outside."""

import ctypes
import os
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_ours = []


class Failure(Exception):
    """A measurement that could not be taken; the message is the row's text."""


def _die_with_parent(parent):
    def prepare():
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before prctl was reached
            os._exit(1)

    return prepare


class Child:
    """One process in a group of its own. Output goes to a file, whose end explains a failure."""

    def __init__(self, name, command, folder, environment=None, working_folder=None, user=None):
        self.name = name
        self.log_path = os.path.join(folder, f"{name}.log")
        self._output_path = os.path.join(folder, f"{name}.out")
        # Set before preexec_fn, or the kernel would forget whose death ends the process.
        other = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        with open(self.log_path, "wb") as log, open(self._output_path, "wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=environment,
                cwd=working_folder or folder,
                start_new_session=True,
                preexec_fn=_die_with_parent(os.getpid()),
                **other,
            )
        self.pid = self._process.pid
        _ours.append(self)

    def is_running(self):
        """Looks without reaping: until we let it go, neither its id nor its group's can be another's."""
        if self._process.returncode is not None:
            return False
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None

    def _ended_within(self, seconds):
        deadline = time.monotonic() + seconds
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def output(self):
        with open(self._output_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self, lines=15):
        text = ""
        for path in (self._output_path, self.log_path):
            with open(path, encoding="utf-8", errors="replace") as file:
                text += file.read()[-20_000:]
        return "\n".join("    " + line for line in text.splitlines()[-lines:])

    def expect_running(self):
        if not self.is_running():
            self.stop(0)
            raise Failure(f"{self.name} ended with code {self._process.returncode}:\n{self.log_tail()}")

    def wait(self, seconds, what):
        """Waits for the end; anything but code 0 is a failure."""
        ended = self._ended_within(seconds)
        self.stop(0)
        if not ended:
            raise Failure(f"{what}: {self.name} did not end within {seconds:.0f} s:\n{self.log_tail()}")
        if self._process.returncode != 0:
            raise Failure(f"{what}: {self.name} ended with code {self._process.returncode}:\n{self.log_tail()}")

    def interrupt(self, grace):
        """SIGINT, then as `stop` after the grace."""
        if self.is_running():
            os.kill(self.pid, signal.SIGINT)
            self._ended_within(grace)
        self.stop(grace=0)

    def stop(self, grace=10.0):
        """SIGTERM, then after the grace SIGKILL to its whole group. Answers whether it ended by itself."""
        if self not in _ours:
            return True
        willing = not self.is_running()
        if not willing and grace > 0:
            os.kill(self.pid, signal.SIGTERM)
            willing = self._ended_within(grace)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        _ours.remove(self)
        return willing

    def cpu_seconds(self):
        """User and system time of all its threads, also those that ended, to the nanosecond."""
        # The clock id of another process's CPU clock, as clock_getcpuclockid(3) makes it.
        return time.clock_gettime_ns(~self.pid << 3 | 2) / 1e9

    def memory_megabytes(self):
        """(resident now, resident at most so far), in 10^6 bytes."""
        fields = _status(f"/proc/{self.pid}/status")
        return tuple(int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))

    def wake_ups(self):
        """A thread's id → (name, how often it went to sleep of its own will)."""
        threads = {}
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            try:
                fields = _status(f"/proc/{self.pid}/task/{thread}/status")
            except FileNotFoundError:
                continue
            threads[thread] = (fields["Name"], int(fields["voluntary_ctxt_switches"]))
        return threads


def _status(path):
    with open(path, encoding="utf-8") as file:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in file)}


def stop_all():
    for child in reversed(list(_ours)):
        child.stop(grace=0)


def run_tool(name, command, folder, seconds):
    """Runs a tool to its end and answers its output."""
    child = Child(name, command, folder)
    child.wait(seconds, name)
    return child.output()


def wait_until(condition, seconds, what, child=None, pause=0.05):
    deadline = time.monotonic() + seconds
    while not condition():
        if child:
            child.expect_running()
        if time.monotonic() > deadline:
            raise Failure(f"{what} did not happen within {seconds:.0f} s" + (f":\n{child.log_tail()}" if child else ""))
        time.sleep(pause)
