"""Every bound on what one caller can cost, with its unit. A limit without a test is a wish: each name here stands in one.

This module imports nothing, so that every room may read it.
"""

# --- pages of lists --------------------------------------------------------------------------------------------------

PAGE_TOKEN_BLOCK_BYTES = 256
"""A page token holds its position in whole blocks of this size, so that its length tells little about a name."""
PAGE_TOKEN_CHARS = 8_192
"""Of a page token that a client sends; longer ones are refused unread."""
