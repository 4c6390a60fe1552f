"""The closed list of errors a user can cause, each with the exit status of the command line.

Anything else that is raised is our fault, not the user's (exit status 1).
"""


class NeuroprocError(Exception):
    """Base class: something the user gave is wrong, and the message says where, what and what to do."""

    exit_status = 3


class SpecError(NeuroprocError):
    """A spec table, a profile or a cost table has an unknown, missing, mistyped or contradictory entry."""


class FormatError(NeuroprocError):
    """A file is not what its format says: truncated, altered, too new, mistyped."""


class NetworkError(NeuroprocError):
    """A layered network is inconsistent, or asks for something the compiler does not have."""


class ScheduleError(NeuroprocError):
    """A fold was asked for that does not exist for this frame."""


class EmulationError(NeuroprocError):
    """The emulator was asked for something impossible: an unknown port, a cycle in the past, a charge out of range."""


class ResourceError(NeuroprocError):
    """A network does not fit the processor.

    Attributes
    ----------
    limit : str
        Key of the limit in the profile, for example ``max_delay``.
    used, allowed : int
        What was needed and what the profile has.
    """

    exit_status = 4

    def __init__(self, message: str, *, limit: str, used: int, allowed: int) -> None:
        super().__init__(message)
        self.limit = limit
        self.used = used
        self.allowed = allowed
