"""Lineage between any two things, and the metadata of systems outside that it may name."""
