"""What a person asks for: each task a short story that reads top to bottom.

Offers `enhance.enhance` with its `EnhanceResult`, `preview.preview` of a part, `options.EnhanceOptions`, the same for
files in `scan_files` and `many_scans`, `inspect_scan`, `preprocess`; `synthesize.synthesize`. Nothing is imported here:
what a command takes is told by `options` alone.
"""
