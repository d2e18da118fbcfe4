"""Synthesis: images from noise, and the files that they become."""
