"""What a person asks for: each task a short story that reads top to bottom.

Enhancing stands here: `enhance.enhance` with its `EnhanceResult`, `preview.preview` of a part, `options.EnhanceOptions`,
the same for files in `scan_files` and `many_scans`; and what every task needs. `superres`, `synthesis` and
`classification` are rooms of their own, each with the task, its `options` and its `files`. Nothing is imported here: what
a command takes is told by the options alone.
"""
