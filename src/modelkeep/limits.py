"""Every bound on what one caller can cost, with its unit. A limit without a test is a wish: each name here stands in one.

This module imports nothing, so that every room may read it.
"""

# --- pages of lists --------------------------------------------------------------------------------------------------

PAGE_TOKEN_BLOCK_BYTES = 256
"""A page token holds its position in whole blocks of this size, so that its length tells little about a name."""
PAGE_TOKEN_CHARS = 8_192
"""Of a page token that a client sends; longer ones are refused unread."""

# --- background work -------------------------------------------------------------------------------------------------

JOBS_AT_ONCE_BY_LANE = {"registrations": 4, "files": 2, "housekeeping": 1}
"""Jobs of each lane that one process runs at the same time."""
JOB_LEASE_MS = 60_000
"""A holder that is silent for as long has lost its job, or its singleton duty, to the next one."""
JOB_LONGEST_S = 24 * 3600
"""An attempt that takes longer is cancelled and counts as failed."""
JOBS_STOP_S = 10
"""How long running jobs may go on when the server stops; then they are cancelled and put back."""
JOBS_CANCEL_S = 5
"""How long a cancelled attempt may take to end before nobody waits for it any more."""
