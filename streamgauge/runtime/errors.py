"""One tree of errors, and what each means for the caller.

StreamgaugeError
├── InvalidEvent     this event can never be processed: dead-letter it and continue
├── TransientError   the same call may succeed later: retry, or restart the process
├── FatalError       continuing would damage data: stop the process (exit code 1)
└── UsageError       a wrong command or setting, or a missing part: one line with what to do (exit code 2)
"""


class StreamgaugeError(Exception):
    """Root of the tree; never raised itself."""


class InvalidEvent(StreamgaugeError):
    """An event that cannot be processed. `reason` is one of `streamgauge.catalog.validation.REASONS`.

    `field` is the JSON path of the wrong field (`$.items[0].quantity`; `$` is the event itself), if one is to blame.
    `detail` is for people; `cause` is what the fingerprint is made of, in words that no library chooses.
    """

    def __init__(self, reason: str, detail: str, field: str | None = None, cause: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.field = field
        self.cause = detail if cause is None else cause


class TransientError(StreamgaugeError):
    """The call may succeed later."""


class FatalError(StreamgaugeError):
    """Continuing would damage data."""


class UsageError(StreamgaugeError):
    """A wrong command or setting, or a missing part; the message is one line with what to do."""
