"""Every bound on what one caller can cost, with its unit. A limit without a test is a wish: each name here stands in one.

This module imports nothing, so that every room may read it.
"""
