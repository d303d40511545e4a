"""Formats in which people have tables of runs: each module reads one kind, or says what a file is instead."""
