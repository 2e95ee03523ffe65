"""Finds out which faults stand now: a file for each part of a site, each a `standing(turn)`. Pure."""
