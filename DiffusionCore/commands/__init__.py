"""The command line: one thin file per command. Results go to stdout, everything else to stderr."""
