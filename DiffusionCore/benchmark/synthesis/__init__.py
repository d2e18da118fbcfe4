"""Synthesis compared: a cascade with a single stage, with Swin blocks and without, upscalers with interpolation."""
