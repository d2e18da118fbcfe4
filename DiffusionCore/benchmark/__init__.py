"""Rivals, and the tables that ours and theirs are compared in, made in one run on the same inputs."""
