"""What the oracles that check models have in common: leaving with a reason, counting checks, a quiet transformers."""
import os
import sys


SANITIZED = os.environ.get("MOTE_SANITIZED") == "1"


def fewer(count):
    """How many of `count` cases to run: a tenth with sanitizers, which look for wrong accesses and races, not for rare answers,
    and are some forty times as slow."""
    return max(1, count // 10) if SANITIZED else count


def skip(reason):
    """Exit status 77: CTest shows a skipped test, run_oracle.sh counts it as a failure where MOTE_REQUIRE_ORACLES is 1."""
    print(f"skipped: {reason}")
    sys.exit(77)


class Checks:
    """check(good, text) prints and counts; exit() leaves with 1 where one failed or none was made."""

    def __init__(self):
        self.made = self.failed = 0

    def __call__(self, good, text):
        self.made += 1
        self.failed += not good
        print(f"{'ok' if good else 'FAILED'}: {text}", flush=True)

    def leave_out(self, reason):
        """A part that cannot run here; a failure where every oracle is required."""
        print(f"left out: {reason}")
        self.failed += os.environ.get("MOTE_REQUIRE_ORACLES") == "1"

    def exit(self):
        print(f"{self.made} checks, {self.failed} failures")
        sys.exit(1 if self.failed or not self.made else 0)


def quiet_transformers():
    """One thread, no progress bars, no advice."""
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
