"""One entry of the hostile corpus: what is written, which command reads it, which error it must get."""
import dataclasses

# Exit status by code, as docs/errors.md promises: 5 corrupt, refused or untrusted; 1 failed; 2 invalid argument; 4 over a
# budget. Codes that are not listed mean 5.
EXIT = {"MODEL_ARCH": 1, "FORMAT_QUANTIZED": 1, "INPUT_MISSING": 1, "INPUT_NOT_REGULAR": 1, "IO_READ": 1, "TOK_MISSING": 1, "TOK_UNSUPPORTED": 1, "TOK_PRE": 1,
        "TOK_EXPANSION": 4, "TPL_LIMIT": 4, "TPL_RUNTIME": 1, "TPL_RAISED": 2, "TPL_ARGUMENT": 2, "TOKEN_ID": 2,
        "RENDER_MESSAGES": 2, "TEMPLATE_ABSENT": 1, "MODEL_MEMORY": 4}


@dataclasses.dataclass
class Sparse:
    """A file of `size` bytes that begins with `head`; the rest are zeros that take no space."""
    head: bytes
    size: int


@dataclasses.dataclass
class Repeated:
    """`head`, `unit` so many times, `tail`."""
    head: bytes
    unit: bytes
    count: int
    tail: bytes


@dataclasses.dataclass
class Lazy:
    """Made when it is written: what the test's own process holds counts as memory of the program that it starts."""
    make: object


@dataclasses.dataclass
class Link:
    """A symbolic link to `target`, relative to the case's folder."""
    target: str


FIFO = object()
FOLDER = object()


@dataclasses.dataclass
class Case:
    name: str
    code: str
    files: dict  # path in the case's folder: bytes, text, Sparse, Repeated, Lazy, Link, FIFO or FOLDER
    commands: list  # argument lists; "@x" is the path of x in the case's folder
    exit: int = None  # where it is not the code's own

    @property
    def status(self):
        return EXIT.get(self.code, 5) if self.exit is None else self.exit
