"""DiffusionCore's tasks for another program: a long-lived process that takes requests as lines of JSON.

`python -m DiffusionCore.worker`; docs/worker-protocol.md is its contract. `channel` is what goes in and out, `requests`
what may be asked, `table` the tasks, `jobs` how each is run, `session` what is kept between jobs, `packing` how a result
becomes JSON and files, `folder` where the files are, `loop` the process itself.
"""
